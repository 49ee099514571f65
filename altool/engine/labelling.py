"""A person labels a folder of pictures, question by question: take the answers, train, ask for the next, remember.

In `out`: answers.csv and asked.csv (core/ledger.py), queries/NNN/ with each question as it was asked, and the last question
once more as query.csv and contact_sheet.png. The order of writing is what a kill cannot hurt: answers first, then the
question's own folder, then asked.csv, which makes it asked, then the copies.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from altool.core.errors import UserError
from altool.core.ledger import Asked, Ledger
from altool.core.lock import Lock
from altool.core.records import Metrics
from altool.core.stop import check_stop
from altool.core.streams import Streams
from altool.data.answers import read_answers
from altool.data.counting import Counting
from altool.data.pictures import Pictures
from altool.data.task import Split
from altool.engine.asking import Asker, Question, ask, ask_by_k_center, cross_validate
from altool.engine.evaluate import evaluate
from altool.engine.known import Known, what_is_known
from altool.engine.question_folder import (
    is_published,
    publish,
    read_about,
    read_carry,
    write_about,
    write_question,
)
from altool.learners.learner import FitRequest
from altool.learners.train import EpochReport


@dataclass(frozen=True)
class Wish:
    """What the person asked for. `classes` empty: whatever labels.csv has; `candidates` None: all; `folds` 0: no
    cross-validation; `words`: what, besides answers and pictures, makes this the same question as the last; `command`: as it
    was typed."""

    labels: Path
    out: Path
    n: int
    seed: int
    words: Mapping[str, Any]
    command: str = ""
    classes: tuple[str, ...] = ()
    test: Path | None = None
    folds: int = 0
    more: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Told:
    """What the person is told. `query` 0: nothing was left to ask; `again`: the last question, since nothing is new."""

    query: int
    asked: int
    known: Known
    notes: list[str]
    n_new_answers: int
    how: str
    again: bool = False
    test: Metrics | None = None
    estimate: Metrics | None = None


def label_next(
    wish: Wish,
    pictures: Pictures,
    asker: Asker,
    draw_candidates: Callable[[np.ndarray, int, Streams], np.ndarray],
) -> Told:
    """Takes the answers that are new and asks for the next pictures. Raises UserError before anything is lost."""
    lock = Lock(wish.out / "lock")
    try:
        ledger = Ledger(wish.out)
        _check_pictures(ledger, pictures, wish.out)
        answers = read_answers(
            *(wish.labels, pictures.index, pictures.folder, ledger.answers, wish.classes, ledger.labels)
        )
        fresh = ledger.take(answers.labels)
        notes = list(answers.notes)
        known = what_is_known(pictures, ledger, wish.classes, wish.test, answers.unused, notes)
        last = ledger.last_query
        before = read_about(wish.out, last)
        same = before.get("words") == dict(wish.words) and before.get("pictures") == pictures.digest
        stands = same and not wish.more and not ledger.answered_since(last)
        unseen = bool(before) and not is_published(wish.out, last)
        if unseen:
            notes.append(f"query {last} was made, but the command was stopped before it was shown")
        if stands or unseen:
            about = _judged_again(wish, pictures, asker, known, before, notes) if stands else before
            publish(wish.out, last)
            paths = {row["path"] for row in ledger.rows_of(last)}
            testing = paths & {pictures.names[i] for i in known.test.indices} if known.test else ()
            if testing:
                notes.append(f"{len(testing)} pictures of query {last} test now: they need no answer")
            return Told(
                *(last, len(paths), known, notes, len(fresh), about["how"]),
                again=True,
                test=_metrics(about["test"]) if known.test else None,
                estimate=_metrics(about["cross_validated"]) if wish.folds else None,
            )
        if not len(known.free):
            streams = Streams(wish.seed, last + 1)
            test = _tested(pictures, asker, known, streams, wish.quiet)
            estimate = _estimate(wish, pictures, asker, known, streams, notes)
            return Told(0, 0, known, notes, len(fresh), "", test=test, estimate=estimate)
        return _next(wish, pictures, asker, draw_candidates, ledger, known, notes, len(fresh))
    finally:
        lock.release()


def _next(
    wish: Wish,
    pictures: Pictures,
    asker: Asker,
    draw_candidates: Callable[[np.ndarray, int, Streams], np.ndarray],
    ledger: Ledger,
    known: Known,
    notes: list[str],
    n_fresh: int,
) -> Told:
    query, n = ledger.last_query + 1, min(wish.n, len(known.free))
    if n < wish.n:
        notes.append(f"only {n} pictures are left to ask for")
    streams = Streams(wish.seed, query)
    if not known.can_teach:
        features, what = pictures.features()
        centres = np.concatenate([known.labelled, known.pending])
        question = ask_by_k_center(features, known.free, centres, n, streams)
        how = f"k-center on {what}, since fewer than two classes are labelled"
    else:
        request = replace(
            _request(pictures, known, streams),
            candidates=draw_candidates(known.free, len(pictures.names), streams),
            carry=read_carry(wish.out, query - 1, known.classes, wish.words["strategy"]),
        )
        n = min(n, len(request.candidates))
        question = _ask(asker, request, n, known.test, wish.quiet)
        how = f"{wish.words['strategy']} on {pictures.seen_as}"
    estimate = _estimate(wish, pictures, asker, known, streams, notes)
    notes += question.warnings
    rows = [_asked(query, rank, pictures, known, question) for rank in range(n)]
    about = {
        "query": query,
        "how": how,
        "command": wish.command,
        "words": dict(wish.words),
        "pictures": pictures.digest,
        "n_pictures": len(pictures.names),
        "classes": list(known.classes),
        "class_counts": known.counts,
        "n_skipped": len(known.skipped),
        "test_set": known.test_set if known.can_teach else "",
        "test": _plain(question.test),
        "cross_validated": _plain(estimate),
    }
    write_question(wish.out, query, rows, pictures.folder, question.carry, about)
    ledger.ask(rows)
    publish(wish.out, query)
    return Told(query, n, known, notes, n_fresh, how, test=question.test, estimate=estimate)


def _judged_again(
    wish: Wish, pictures: Pictures, asker: Asker, known: Known, about: dict[str, Any], notes: list[str]
) -> dict[str, Any]:
    """about.json of the question that stands, with what a new test set or new folds say of its model."""
    streams, found = Streams(wish.seed, about["query"]), dict(about)
    if known.can_teach and known.test and about["test_set"] != known.test_set:
        test = _tested(pictures, asker, known, streams, wish.quiet)
        found |= {"test_set": known.test_set, "test": _plain(test)}
    estimate = _estimate(wish, pictures, asker, known, streams, notes)
    if estimate:
        found["cross_validated"] = _plain(estimate)
    if found != about:
        write_about(wish.out, found)
    return found


def _tested(pictures: Pictures, asker: Asker, known: Known, streams: Streams, quiet: bool) -> Metrics | None:
    """By a model of the answers so far, where there is something to learn and to test."""
    if not known.can_teach or not known.test:
        return None
    request = replace(_request(pictures, known, streams), candidates=np.union1d(known.free, known.pending))
    with _counted_epochs(asker, request, quiet) as on_epoch:
        return evaluate(asker.fit(request, on_epoch), known.test, request.n_classes)


def _request(pictures: Pictures, known: Known, streams: Streams) -> FitRequest:
    """To learn from the answers so far."""
    kept = np.setdiff1d(np.arange(len(pictures.names)), np.concatenate([known.labelled, known.skipped]))
    held_out = known.test.indices if known.test else np.empty(0, np.int64)
    return FitRequest(
        store=pictures.store,
        labelled=known.labelled,
        labels=known.labels,
        unlabelled=np.setdiff1d(kept, held_out),
        candidates=np.empty(0, np.int64),
        n_classes=len(known.classes),
        streams=streams,
    )


def _estimate(
    wish: Wish, pictures: Pictures, asker: Asker, known: Known, streams: Streams, notes: list[str]
) -> Metrics | None:
    """Cross-validated, where it was asked for and there is something to learn; else a note says why not."""
    if not wish.folds:
        return None
    if not known.can_teach:
        notes.append(
            "cross_validate: fewer than two classes are labelled, so there is nothing to estimate yet"
        )
        return None
    return cross_validate(asker, _request(pictures, known, streams), wish.folds)


def _ask(asker: Asker, request: FitRequest, n: int, test: Split | None, quiet: bool) -> Question:
    def progress(done: int, of: int) -> None:
        check_stop()

    with _counted_epochs(asker, request, quiet) as on_epoch:
        return ask(asker, request, n, test, on_epoch, progress)


@contextmanager
def _counted_epochs(
    asker: Asker, request: FitRequest, quiet: bool
) -> Iterator[Callable[[EpochReport], None]]:
    n = len(request.labelled)
    with Counting(f"training on {n} labels", asker.learner.epochs_for(n), quiet, worth_showing=1) as counting:
        yield lambda report: counting.advance()


def _check_pictures(ledger: Ledger, pictures: Pictures, out: Path) -> None:
    remembered = [*ledger.answers, *ledger.asked]
    if remembered and not any(name in pictures.index for name in remembered):
        raise UserError(
            f"{out} remembers questions about other pictures, such as {remembered[0]}: name another folder with out=…"
        )


def _asked(query: int, rank: int, pictures: Pictures, known: Known, question: Question) -> Asked:
    predicted = confidence = None
    if question.predicted is not None and question.confidence is not None:
        predicted = known.classes[question.predicted[rank]]
        confidence = float(question.confidence[rank])
    path = pictures.names[question.picks[rank]]
    return Asked(query, rank + 1, path, float(question.scores[rank]), predicted, confidence)


def _plain(metrics: Metrics | None) -> dict[str, Any]:
    return {key: value for key, value in vars(metrics or Metrics()).items() if value is not None}


def _metrics(plain: Mapping[str, Any]) -> Metrics:
    return Metrics(**plain)
