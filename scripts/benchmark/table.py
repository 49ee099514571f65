"""The rows by name, the table on the terminal, the CSV with every round."""

import argparse
import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from altool.core.atomic import write_text_atomic
from benchmark import default_run, gpu, growth, precision, released, streamed
from benchmark.compared import Result, Settings, Workload
from benchmark.machine import header, measure_ceilings
from benchmark.roofline import draw
from benchmark.timing import compare
from benchmark.workloads import deepfool, gcn, kcenter, ldr, small, train, vab_al, vae

COMPARED: dict[str, Callable[[Settings], Workload]] = {
    "train": train.workload,
    "vae": vae.workload,
    "kcenter_small": kcenter.small,
    "kcenter_large": kcenter.large,
    "gcn": gcn.workload,
    "vab_al_10": vab_al.ten_classes,
    "vab_al_100": vab_al.hundred_classes,
    "ldr_resnet": ldr.resnet,
    "ldr_cnn": ldr.cnn,
    "deepfool": deepfool.workload,
    "small_digits": small.digits,
    "small_moons": small.moons,
    "small_mnist": small.mnist,
}
MEASURED: dict[str, Callable[[Settings], list[Result]]] = {
    "default": default_run.measure,
    "growth": growth.measure,
    "streamed": streamed.measure,
    "precision": precision.measure,
    "gpu": gpu.measure,
}
ONLY_WHEN_ASKED = {"precision"}
RELEASED = "released"  # with --released
VERDICTS = {
    "aim": "[green]aim[/]",
    "must": "[green]must[/]",
    "no": "[red]no[/]",
    "unresolved": "[yellow]?[/]",
}


def bench(options: argparse.Namespace) -> int:
    names = _chosen(options.only, options.released is not None)
    if names is None:
        return 2
    if options.released and not (options.released / "train_test.py").is_file():  # before anything is timed
        print(
            f"--released {options.released}: give the folder of a clone of TA-VAAL's code.", file=sys.stderr
        )
        return 2
    torch.set_num_threads(options.threads)
    settings = Settings(options.rounds, options.threads, options.tiny)
    console = Console(stderr=True)
    about = header(settings)
    Console().print(" · ".join(f"{key} {value}" for key, value in about.items()), highlight=False)
    ceilings = measure_ceilings(settings)
    results: list[Result] = []
    for name in names:
        with console.status(f"{name} ({len(results)} rows so far)"):
            if name == RELEASED:
                for workload in released.workloads(options.released, settings):
                    results += compare(workload, settings)
            elif name in COMPARED:
                results += compare(COMPARED[name](settings), settings)
            else:
                results += MEASURED[name](settings)
        if options.csv:  # after every row: what was measured is not lost with what follows
            _write(options.csv, results, about)
    ceilings = ceilings.or_better(measure_ceilings(settings))
    _print(results)
    Console().print(f"ceilings: {ceilings}", highlight=False)
    if options.markdown:
        write_text_atomic(options.markdown, markdown(results, about, str(ceilings)))
    if options.figure:
        draw(results, ceilings, options.figure)
    return 0


def _chosen(only: str, with_released: bool = False) -> list[str] | None:
    """Row names that are one of the words or, where none is, begin with it; None, and a line on stderr, where a word fits
    none."""
    known = [*COMPARED, *MEASURED, *([RELEASED] if with_released else [])]
    words = [word.strip() for word in only.split(",") if word.strip()]
    unknown = [word for word in words if not any(name.startswith(word) for name in known)]
    if unknown:
        missing = "give --released FOLDER" if unknown[0] == RELEASED else "no such row"
        print(f"--only {unknown[0]}: {missing}; known: {', '.join(known)}", file=sys.stderr)
        return None
    if not words:
        return [name for name in known if name not in ONLY_WHEN_ASKED]
    return [name for name in known if any(_is_meant(word, name, known) for word in words)]


def _is_meant(word: str, name: str, known: list[str]) -> bool:
    return name == word if word in known else name.startswith(word)


def markdown(results: list[Result], about: dict[str, str], rates: str) -> str:
    """The table, with what it needs beside it."""
    lines = [
        "# Measured",
        "",
        " · ".join(f"{key} {value}" for key, value in about.items()) + f" · {rates}",
        "",
        "| row | reference s | ours s | value | rounds from – to | processor time | must | aim | met | n | note |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|---|",
    ]
    lines += ["| " + " | ".join([*_cells(row), row.verdict, str(row.n), row.note]) + " |" for row in results]
    return "\n".join(lines) + "\n"


def _print(results: list[Result]) -> None:
    table = Table(show_lines=False)
    for column in (
        "row",
        "reference s",
        "ours s",
        "value",
        "rounds",
        "cpu",
        "must",
        "aim",
        "met",
        "n",
        "note",
    ):
        table.add_column(column, justify="left" if column in ("row", "note") else "right", overflow="fold")
    for row in results:
        table.add_row(*_cells(row), VERDICTS.get(row.verdict, row.verdict), str(row.n), row.note)
    Console(width=None if sys.stdout.isatty() else 220).print(table)
    Console().print(
        "value: wall seconds of reference over ours, median of rounds in turn; cpu: the same of processor seconds; "
        "?: rounds lie on both sides of the must."
    )


def _cells(row: Result) -> list[str]:
    """All but the verdict and what follows it."""
    sign = "≤ " if row.at_most else ""
    return [
        row.row,
        _number(row.reference_seconds),
        _number(row.ours_seconds),
        f"{_number(row.value)} {row.unit}" if row.value is not None else "–",
        f"{_number(row.low)} – {_number(row.high)}" if row.n > 1 else "",
        f"{_number(row.cpu_ratio)} ×" if row.cpu_ratio else "",
        f"{sign}{_number(row.must)}",
        "" if row.aim is None else f"{sign}{_number(row.aim)}",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _write(path: Path, results: list[Result], about: dict[str, str]) -> None:
    columns = [
        *("row", "precision", "unit", "value", "low", "high", "must", "aim", "at_most", "verdict", "n"),
        *("reference_seconds", "ours_seconds", "cpu_ratio", "note"),
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, "operations", "bytes", "rounds", *about])
    for row in results:
        count = row.count
        writer.writerow(
            [
                *("" if (value := getattr(row, column)) is None else value for column in columns),
                *((count.operations, count.bytes) if count else ("", "")),
                json.dumps(row.rounds),
                *about.values(),
            ]
        )
    write_text_atomic(path, text.getvalue())
