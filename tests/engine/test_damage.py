"""Folders that somebody damaged, and strategies that misbehave: refused or repaired, never silently wrong."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from altool.cli.status import look
from altool.core.errors import RunConflict
from altool.core.records import read_rows
from altool.core.strategy import Context, Picks
from altool.engine.loop import run_cell
from altool.engine.progress import Progress
from altool.strategies.random import Random


@pytest.fixture
def stopped(tmp_path, make_cell, run):
    """A run of two of its three stages, and the cell that would go on."""
    short = make_cell(tmp_path, "entropy", seeds=(0,))
    run(replace(short, budget=replace(short.budget, stages=2)))
    folder = short.folder / "seed_000"
    (folder / "run.json").write_text(
        (folder / "run.json").read_text().replace('"status": "done"', '"status": "stopped"')
    )
    return short, folder


def cut(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:9])


def other_label(text: str) -> str:
    lines = text.splitlines()
    stage, rank, index, label, score = lines[3].split(",")
    lines[3] = ",".join([stage, rank, index, str(1 - int(label)), score])
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("damage", [cut, other_label, lambda text: text[:5] + "\x00nonsense"])
def test_a_damaged_list_of_purchases_is_refused_by_name(stopped, run, damage) -> None:
    cell, folder = stopped
    path = folder / "acquired.csv"
    path.write_text(damage(path.read_text()))
    before = (folder / "stages.csv").read_bytes()
    with pytest.raises(RunConflict, match=r"acquired\.csv is damaged"):
        run(cell)
    assert (folder / "stages.csv").read_bytes() == before and not (folder / "lock").exists()
    assert run(replace(cell, rerun=True)).done == [0]


def test_a_lost_list_of_purchases_is_not_bought_again(stopped, run) -> None:
    cell, folder = stopped
    (folder / "acquired.csv").unlink()
    with pytest.raises(RunConflict, match="0 purchases of stage 0, not 12"):
        run(cell)


def test_a_done_run_without_its_rows_is_made_again_to_the_same_bytes(tmp_path, make_cell, run, files) -> None:
    cell = make_cell(tmp_path, "entropy", seeds=(0,))
    run(cell)
    whole = files(cell.folder)
    (cell.folder / "seed_000" / "stages.csv").unlink()
    assert run(cell).done == [0]
    assert files(cell.folder) == whole


def test_a_damaged_run_json_is_named_and_hides_no_other(tmp_path, make_cell, run) -> None:
    cell = make_cell(tmp_path, "random", seeds=(0, 1))
    run(cell)
    path = cell.folder / "seed_000" / "run.json"
    path.write_text(path.read_text()[:100])
    seen = {one.seed: one for one in look([tmp_path])}
    assert seen[1].status == "done" and "run.json is damaged" in seen[0].reason
    with pytest.raises(RunConflict, match=r"run\.json is damaged"):
        run(cell)
    assert run(replace(cell, rerun=True, seeds=(0,))).done == [0]


@dataclass(frozen=True)
class Meddling(Random):
    """Writes to what it is shown."""

    what: str = "labels"

    def score(self, context: Context, fitted: Any) -> np.ndarray:
        getattr(context, self.what)[:] = 0
        return super().score(context, fitted)


@pytest.mark.parametrize("what", ["labels", "labelled", "candidates", "unlabelled"])
def test_what_a_strategy_is_shown_cannot_be_written_to(tmp_path, make_cell, run, what) -> None:
    result = run(make_cell(tmp_path, Meddling(what=what), seeds=(0,)))
    assert "read-only" in result.failures[0]


@dataclass(frozen=True)
class Leaving(Random):
    def score(self, context: Context, fitted: Any) -> np.ndarray:
        raise SystemExit(3)


def test_a_strategy_that_exits_fails_its_seed_alone(tmp_path, make_cell, run) -> None:
    cell = make_cell(tmp_path, Leaving(), seeds=(0,))
    assert "SystemExit" in run(cell).failures[0]
    assert not (cell.folder / "seed_000" / "lock").exists()


@dataclass(frozen=True)
class Pickling(Random):
    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        picks = super().select(context, fitted, scores, n)
        return replace(picks, carry={"memory": np.array([{}], dtype=object)})


def test_a_carry_that_would_be_pickled_is_refused_before_it_is_stored(tmp_path, make_cell, run) -> None:
    cell = make_cell(tmp_path, Pickling(), seeds=(0,))
    assert "carries 'memory', which is no plain array" in run(cell).failures[0]
    assert read_rows(cell.folder / "seed_000" / "stages.csv") == []


def test_a_finished_run_says_what_it_was_not_asked_for(tmp_path, make_cell, run, capsys) -> None:
    cell = make_cell(tmp_path, "random", seeds=(0,))
    run(cell)
    run_cell(replace(cell, trace=True), Progress("plain"))
    said = capsys.readouterr().err
    assert "done already (without trace=true: rerun=true runs it again)" in said


def test_a_trace_of_the_last_stage_is_no_trace_of_all(tmp_path, make_cell, run, capsys) -> None:
    cell = make_cell(tmp_path, "random", seeds=(0,), trace="last")
    run(cell)
    for trace, lacks in (("last", False), (False, False), (True, True)):
        run_cell(replace(cell, trace=trace), Progress("plain"))
        assert ("(without trace=true: rerun=true" in capsys.readouterr().err) == lacks, trace


@dataclass(frozen=True)
class Worrying(Random):
    def score(self, context: Context, fitted: Any) -> np.ndarray:
        if context.stage == 1:
            context.diagnostics.warn("this looks ill")
        return super().score(context, fitted)


def test_a_warning_stays_with_the_run(tmp_path, make_cell, run) -> None:
    run(make_cell(tmp_path, Worrying(), seeds=(0,)))
    (seen,) = look([tmp_path])
    assert seen.warnings == ("stage 1: this looks ill",)


def test_a_done_run_of_other_data_is_not_taken_for_this_one(tmp_path, make_cell, run) -> None:
    cell = make_cell(tmp_path, "random", seeds=(0,))
    run(cell)
    other = replace(cell, load=lambda seed: replace(cell.load(seed), digest="other"))
    with pytest.raises(RunConflict, match="other data"):
        run(other)
