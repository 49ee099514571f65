"""What a person sees of a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from altool.engine.cell import Cell
from altool.engine.forecast import Rates
from altool.engine.loop import run_cell
from altool.engine.progress import Progress
from altool.engine.rehearsal import forecast


def test_plain_lines_tell_every_stage_and_what_is_left(
    tmp_path: Path, make_cell: Callable[..., Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = make_cell(tmp_path, "nan", seeds=(0, 1))
    run_cell(cell, Progress("plain", forecast(cell, Rates(1.0, 0.0, 0.0))))
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert told.out == ""
    assert [line.split("  accuracy")[0] for line in lines if " stage " in line and "labels" in line] == [
        "seed 0  stage 0  12 labels",
        "seed 0  stage 1  18 labels",
        "seed 0  stage 2  24 labels",
        "seed 1  stage 0  12 labels",
    ]
    assert lines[0].endswith("about 3 min left")  # (36 + 48 + 24 + 36 + 48) images at 1 s
    assert any(line.startswith("seed 1 failed: stage 1: the strategy gave 1 of 60") for line in lines)
    again = Progress("plain")
    run_cell(make_cell(tmp_path, "nan", seeds=(0, 1)), again)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"seed 0: done already, in {tmp_path / 'failing' / 'seed_000'}"
    assert lines[1] == f"seed 1: goes on at stage 1, in {tmp_path / 'failing' / 'seed_001'}"
    assert len(again.seeds[1].accuracies) == 1  # of the stage that was done before


def test_quiet_says_nothing(
    tmp_path: Path, make_cell: Callable[..., Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    run_cell(make_cell(tmp_path, "random"), Progress("quiet"))
    assert capsys.readouterr() == ("", "")


def test_the_live_table_ends_with_every_accuracy(
    tmp_path: Path, make_cell: Callable[..., Cell], capsys: pytest.CaptureFixture[str]
) -> None:
    cell = make_cell(tmp_path, "random", seeds=(0, 7))
    progress = Progress("live")
    run_cell(cell, progress)
    told = capsys.readouterr().err
    for seed in (0, 7):
        curve = " ".join(f"{100 * a:.1f}" for a in progress.seeds[seed].accuracies)
        assert len(curve.split()) == 3 and curve in told
