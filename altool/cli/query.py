"""`altool query data=FOLDER labels=labels.csv …`: which of your own pictures to label next."""

import dataclasses
import shlex
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altool.cli.query_words import check_meant, classes_of, split, truth, whole
from altool.core.errors import EXIT_DONE, Stopped, UserError
from altool.core.machine import short
from altool.data.bad_files import skipped_line

if TYPE_CHECKING:
    from altool.config.schema import RunConfig
    from altool.core.records import Metrics
    from altool.engine.asking import Asker
    from altool.engine.labelling import Told, Wish

WRITTEN = ("query.csv", "asked.csv", "answers.csv", "progress.csv", "report.txt")
DEFAULT_N = 20
SHOWN = 20  # notes that are printed; report.txt has all

HELP = """\
usage: altool query data=FOLDER labels=labels.csv [n=50] [key=value …]

Trains on the labels so far, chooses what to label next, and remembers what it asked. The same command again takes
the new labels and asks for the next; while nothing is new it repeats its question.

labels.csv has the columns path (relative to the folder) and label; "skip" is a label too. It may grow in any
spreadsheet, late, in any order, or never; with fewer than two classes the choice is by k-center.

words of its own:
  data=FOLDER           pictures of any size and mode, in sub-folders or not
  labels=labels.csv     your answers; default: labels.csv in out
  n=20                  how many pictures to ask for this time
  classes=cat,dog       the only labels allowed; default: those of labels.csv
  out=DIR               memory and results; default: FOLDER-queries beside the folder
  size=64               side in pixels to resize to; default: as they are if small and of one size, else 64
  test=test.csv         path and label of pictures that only test; default: none
  cross_validate=5      estimates the accuracy by 5 more trainings
  more=true             asks for more although nothing was answered

and those of altool run, such as
  strategy=entropy      altool ls strategy; default: margin
  learner=linear_probe  the default: a linear layer on frozen features, learner.backbone=pixels|random_resnet|imagenet
  seeds=0, device=auto, data_root=…, on_corrupt=skip, verify=true, memory_gib=4

writes out/query.csv (path, rank, score, predicted class, confidence), out/contact_sheet.png and out/queries/NNN/

example: altool query data=photos labels=labels.csv strategy=entropy n=50
"""


def main(words: list[str]) -> int:
    """`words`: what follows `altool query`."""
    own, rest = split(words)
    command = shlex.join(["altool", "query", *words])
    run, asker, wish, pictures_of, draw = _build(own, rest, command)

    from altool.core.stop import stop_on_signals
    from altool.engine.labelling import label_next

    try:
        with stop_on_signals():
            pictures = pictures_of()
            if pictures.skipped and run.progress != "quiet":
                record = short(wish.out / "report.txt")
                print(skipped_line(pictures.skipped, len(pictures.names), record), file=sys.stderr)
            told = label_next(wish, pictures, asker, draw)
    except Stopped as stop:
        raise Stopped(
            f"{stop}; every answer is kept. The same command goes on:\n  {command}", stop.exit_code
        ) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UserError(
            f"{where}{error.strerror or error}. What was asked and answered before is kept in {short(wish.out)}; the "
            "same command goes on once it can be written."
        ) from error
    _tell(told, wish, len(pictures.names), pictures.skipped)
    return EXIT_DONE


def _build(
    own: dict[str, str], rest: list[str], command: str
) -> tuple["RunConfig", "Asker", "Wish", Any, Any]:
    from altool.config.build import (
        build_learner,
        build_strategy,
        check_task,
        check_writable,
        dataset_spec,
        extension_rule,
        reading_of,
        resolve_device,
        resolve_precision,
    )
    from altool.config.fingerprint import canonical
    from altool.config.load import load
    from altool.config.words import parse
    from altool.core.budget import Budget
    from altool.core.naming import fingerprint
    from altool.data.pictures import read_pictures
    from altool.engine.asking import Asker
    from altool.engine.cell import Platform
    from altool.engine.labelling import Wish

    n = whole(own, "n", DEFAULT_N, 1)
    folds = whole(own, "cross_validate", 0, 2)
    data = Path(own["data"]).expanduser().absolute()
    out = Path(own.get("out", data.with_name(f"{data.name}-queries"))).expanduser().absolute()
    if out.resolve() == data.resolve():
        raise UserError(
            f"out={out} is the folder with your pictures: give another, such as out={out}-queries."
        )
    labels = Path(own.get("labels", out / "labels.csv")).expanduser().absolute()
    classes = classes_of(own.get("classes", ""))
    test = Path(own["test"]).expanduser().absolute() if "test" in own else None
    if labels.resolve() in {(out / name).resolve() for name in WRITTEN}:
        raise UserError(f"labels={labels} is written by altool query itself: copy it, and give the copy.")
    if labels.is_dir():
        raise UserError(f"labels={labels} is a folder; give the CSV file with your answers.")
    defaults = [
        "dataset=folder",
        "learner=linear_probe",
        "strategy=margin",
        "budget.candidates=all",
        "seeds=0",
    ]
    typed = {word.partition("=")[0] for word in rest}
    parsed = parse([*(w for w in defaults if w.partition("=")[0] not in typed), *rest])
    if "strategy=replay" in rest:
        raise UserError(
            "strategy=replay repeats a finished run, it cannot ask you: name one of altool ls strategy."
        )
    for word in parsed.overrides:
        if word not in defaults:
            check_meant(word)
    if parsed.multirun:
        raise UserError("altool query asks one question at a time: no -m.")
    if any(not flag.startswith("--config-dir") for flag in parsed.flags):
        raise UserError(f"altool query asks a question, {parsed.flags[0]} belongs to altool run.")
    run, _ = load(parsed)
    if len(run.seeds) > 1:
        raise UserError(f"altool query asks one question at a time: give one seed, seeds={run.seeds[0]}.")
    strategy, learner, device = build_strategy(run.strategy), build_learner(run), resolve_device(run.device)
    check_task(run, learner, strategy)
    precision = resolve_precision(run.precision, device)
    platform = Platform(device, run.threads, precision, run.deterministic, run.cuda_graphs)
    platform.apply()
    check_writable(out, "out")
    reading = reading_of(run)
    spec = dataset_spec(run.dataset)
    spec = dataclasses.replace(spec, size=whole(own, "size", 0, 1) or spec.size, path=str(data))
    backbone = run.learner.backbone
    is_large = backbone == "imagenet" or "imagenet" in (run.learner.pretrained or run.learner.name)
    wish = Wish(
        *(labels, out, n, run.seeds[0]),
        words={
            "n": n,
            "strategy": run.strategy["name"],
            "classes": list(classes),
            "settings": fingerprint({**canonical(run), "size": spec.size, "seed": run.seeds[0]}),
        },
        command=command,
        classes=classes,
        test=test,
        folds=folds,
        more=truth(own, "more"),
        quiet=reading.quiet,
    )
    budget = Budget(1, n, 1, run.budget.candidates)
    asker = Asker(learner, strategy, extension_rule(run, strategy), platform.precision)
    pictures_of = partial(read_pictures, spec, data, out, backbone, is_large, device, reading)
    return run, asker, wish, pictures_of, budget.draw_candidates


def _tell(told: "Told", wish: "Wish", n_pictures: int, skipped: Mapping[str, str]) -> None:
    from altool.core.atomic import write_text_atomic

    known = told.known
    counts = ", ".join(f"{name} {count}" for name, count in known.counts.items() if count or wish.classes)
    print(
        f"{n_pictures:,} pictures: {len(known.labelled)} labelled ({counts or 'no class yet'}), "
        f"{len(known.skipped)} skipped, {len(known.pending)} asked and not answered; {told.n_new_answers} new answers"
    )
    (wish.out / "report.txt").unlink(missing_ok=True)  # of the time before
    lines = [*told.notes, *(f"skipped: {name}: {reason}" for name, reason in skipped.items())]
    if lines:
        write_text_atomic(wish.out / "report.txt", "\n".join(lines) + "\n")
        for note in told.notes[:SHOWN]:
            print(f"  {note}")
        if len(told.notes) > SHOWN:
            print(f"  … and {len(told.notes) - SHOWN} more: {short(wish.out / 'report.txt')}")
    if not told.query:
        print("Nothing is left to ask: every picture is labelled, skipped, asked or in the test set.")
    elif told.again:
        print(
            f"Nothing is new, so query {told.query} stands: {told.asked} pictures by {told.how}. more=true asks on."
        )
    else:
        print(f"Query {told.query}: {told.asked} pictures by {told.how}")
    _tell_metrics("test set", told.test)
    _tell_metrics(f"cross-validated over {wish.folds} folds, on pictures chosen to be hard", told.estimate)
    if not told.query:
        return
    for name in ("query.csv", "contact_sheet.png"):
        print(short(wish.out / name))
    print(f"Next: write path,label lines into {short(wish.labels)} (or skip), and type the same command.")
    if not wish.folds and len(known.labelled) >= 10 and not told.again and told.test is None:
        print("How good is it? cross_validate=5 estimates the accuracy.")


def _tell_metrics(what: str, metrics: "Metrics | None") -> None:
    if metrics is not None and metrics.accuracy is not None and metrics.balanced_accuracy is not None:
        print(
            f"{what}: accuracy {100 * metrics.accuracy:.1f} %, balanced {100 * metrics.balanced_accuracy:.1f} %"
        )
