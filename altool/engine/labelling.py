"""A person labels a folder of pictures, question by question: take the answers, train, ask for the next, remember.

In `out`: answers.csv and asked.csv (core/ledger.py), queries/NNN/ with each question as it was asked, and the last question
once more as query.csv and contact_sheet.png. The order of writing is what a kill cannot hurt: answers first, then the
question's own folder, then asked.csv, which makes it asked, then the copies.
"""

from collections.abc import Callable, Mapping
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
from altool.data.answers import SKIP, Answers, read_answers
from altool.data.counting import Counting
from altool.data.pictures import Pictures
from altool.data.task import Split
from altool.engine.asking import Asker, Question, ask, ask_by_k_center, cross_validate
from altool.engine.question_folder import is_published, publish, read_about, read_carry, write_question
from altool.learners.learner import FitRequest
from altool.learners.train import EpochReport


@dataclass(frozen=True)
class Wish:
    """What the person asked for. `classes` empty: whatever labels.csv has; `candidates` None: all; `folds` 0: no
    cross-validation; `words`: what, besides answers and pictures, makes this the same question as the last."""

    labels: Path
    out: Path
    n: int
    seed: int
    words: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    test: Path | None = None
    folds: int = 0
    more: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Known:
    """What is known of the pictures, by dataset index. `pending`: asked and not answered; `free`: may be asked."""

    classes: tuple[str, ...]
    labelled: np.ndarray
    labels: np.ndarray
    skipped: np.ndarray
    pending: np.ndarray
    free: np.ndarray
    test: Split | None

    @property
    def can_teach(self) -> bool:
        """Whether two classes at least are labelled."""
        return len(self.classes) >= 2 and len(np.unique(self.labels)) >= 2

    @property
    def counts(self) -> dict[str, int]:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))


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
        answers = read_answers(wish.labels, pictures.index, pictures.folder, ledger.answers, wish.classes)
        fresh = ledger.take(answers.labels)
        notes = list(answers.notes)
        known = _known(wish, pictures, ledger, answers.unused, notes)
        last = ledger.last_query
        before = read_about(wish.out, last)
        same = before.get("words") == dict(wish.words) and before.get("pictures") == pictures.digest
        stands = same and not wish.more and not ledger.answered_since(last)
        unseen = bool(last) and not is_published(wish.out, last)
        if unseen:
            notes.append(f"query {last} was made, but the command was stopped before it was shown")
        if last and (stands or unseen):
            publish(wish.out, last)
            estimate = _estimate(wish, pictures, asker, known, Streams(wish.seed, last), notes)
            asked = len(ledger.rows_of(last))
            return Told(last, asked, known, notes, len(fresh), before["how"], again=True, estimate=estimate)
        if not len(known.free):
            return Told(0, 0, known, notes, len(fresh), "")
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
        "words": dict(wish.words),
        "pictures": pictures.digest,
        "n_pictures": len(pictures.names),
        "classes": list(known.classes),
        "class_counts": known.counts,
        "n_skipped": len(known.skipped),
        "test": _plain(question.test),
        "cross_validated": _plain(estimate),
    }
    write_question(wish.out, query, rows, pictures.folder, question.carry, about)
    ledger.ask(rows)
    publish(wish.out, query)
    return Told(query, n, known, notes, n_fresh, how, test=question.test, estimate=estimate)


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
    epochs = asker.learner.epochs_for(len(request.labelled))
    with Counting(f"training on {len(request.labelled)} labels", epochs, quiet, worth_showing=1) as counting:

        def on_epoch(report: EpochReport) -> None:
            counting.advance()

        def progress(done: int, of: int) -> None:
            check_stop()

        return ask(asker, request, n, test, on_epoch, progress)


def _known(wish: Wish, pictures: Pictures, ledger: Ledger, unused: frozenset[str], notes: list[str]) -> Known:
    """What the remembered answers say of the pictures that are there; adds to `notes` what they cannot be used for.
    `unused`: pictures that labels.csv answers with a label which is not allowed, as `notes` say already."""
    answers = {name: label for name, label in ledger.answers.items() if name in pictures.index}
    gone = len(ledger.answers) - len(answers)
    if gone:
        notes.append(f"{gone} answered pictures are no longer in {pictures.folder}: their answers are kept")
    held_out = _test_answers(wish, pictures, notes)
    skipped = [name for name, label in answers.items() if label == SKIP]
    usable = {n: label for n, label in answers.items() if label != SKIP and n not in held_out}
    both = len(answers) - len(skipped) - len(usable)
    if wish.test and both:
        notes.append(f"{both} labelled pictures are in {wish.test.name} too: they test, and do not train")
    classes = wish.classes or _sorted_classes({*usable.values(), *held_out.values()})
    for name in [n for n, label in usable.items() if label not in classes]:
        label = usable.pop(name)
        if name not in unused:
            notes.append(f"{name}: its remembered label {label} is not among classes=: not used")
    pending = [n for n in ledger.asked if n in pictures.index and n not in answers and n not in held_out]
    taken = {*answers, *unused, *pending, *held_out}  # an answer that cannot be used is one all the same
    test = None
    if held_out:
        truth = np.array([classes.index(label) for label in held_out.values()], np.int64)
        test = Split(pictures.store, pictures.indices(held_out), truth)
    return Known(
        classes=classes,
        labelled=pictures.indices(usable),
        labels=np.array([classes.index(label) for label in usable.values()], np.int64),
        skipped=pictures.indices(skipped),
        pending=pictures.indices(pending),
        free=np.array([i for i, name in enumerate(pictures.names) if name not in taken], np.int64),
        test=test,
    )


def _test_answers(wish: Wish, pictures: Pictures, notes: list[str]) -> dict[str, str]:
    if wish.test is None:
        return {}
    if not wish.test.exists():
        raise UserError(f"test={wish.test} does not exist.")
    found: Answers = read_answers(wish.test, pictures.index, pictures.folder, {}, wish.classes)
    notes += [f"{wish.test.name}, {note}" for note in found.notes]
    return {name: label for name, label in found.labels.items() if label != SKIP}


def _sorted_classes(labels: set[str]) -> tuple[str, ...]:
    """10 after 9 where all are numbers."""
    if all(label.isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


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
