"""What runs on disk say of this machine's pace, against numbers written by hand."""

import json
from pathlib import Path

import pytest

from altool.config.build import build_cell
from altool.config.load import load
from altool.config.words import parse
from altool.engine.cell import Cell
from altool.reproduce.cost import Cost
from altool.reproduce.machine import Machine
from altool.reproduce.pace import Pace, Seen, seen_elsewhere, seen_of

TIMED = Machine("this machine", 10.0, 0.0)  # ten operations a second
ONE = Cost(1, 5, 5, 100.0, 5)


def test_the_own_strategy_counts_before_the_learner_and_the_learner_before_the_trial() -> None:
    seen = [
        Seen("cnn", "vaal", ONE, 50.0),
        Seen("cnn", "vaal", ONE, 30.0),
        Seen("cnn", "random", ONE, 5.0),
        Seen("mlp", "random", ONE, 1.0),
    ]
    pace = Pace(TIMED, seen)
    assert pace.seconds("cnn", "vaal", Cost(flops=50.0)) == pytest.approx(5 * 80 / 20)
    assert pace.seconds("cnn", "entropy", Cost(flops=50.0)) == pytest.approx(5 * 85 / 30)
    assert pace.seconds("resnet18", "vaal", Cost(flops=50.0)) == 5
    assert len(pace.known(["cnn"])) == 3


def cell_in(outputs: Path, *words: str) -> Cell:
    return build_cell(
        *load(
            parse(
                [
                    "dataset=moons",
                    "strategy=random",
                    "budget=small",
                    f"outputs={outputs}",
                    "device=cpu",
                    *words,
                ]
            )
        )
    )


def finish(cell: Cell, seed: int, seconds: float, status: str = "done", **platform: object) -> None:
    """What a run leaves, as far as its pace is concerned."""
    folder = cell.folder / f"seed_{seed:03d}"
    folder.mkdir(parents=True)
    run = {
        **{"status": status, "identity": {"learner": cell.identity.learner}, "command": cell.command},
        **{"device": "cpu", "platform": {**cell.platform.as_record(), **platform}},
    }
    (folder / "run.json").write_text(json.dumps(run))
    rows = [f"{seconds / 2},{seconds / 4},{seconds / 4}"] * cell.budget.stages
    (folder / "stages.csv").write_text("\n".join(["fit_seconds,query_seconds,evaluate_seconds", *rows, ""]))


def test_finished_runs_on_this_platform_count(tmp_path: Path) -> None:
    cell = cell_in(tmp_path)
    finish(cell, 0, 2.0)
    finish(cell, 1, 3.0)
    finish(cell, 2, 100.0, processor="another one")
    finish(cell, 3, 100.0, threads=64)
    finish(cell, 4, 100.0, status="running")
    found = list(seen_of(cell, ONE))
    assert [seen.seconds for seen in found] == [2.0 * 4, 3.0 * 4]
    assert {(seen.learner, seen.strategy) for seen in found} == {("mlp_1024", "random")}


def test_runs_of_the_learner_outside_the_experiment_count_too(tmp_path: Path) -> None:
    outside, other = cell_in(tmp_path, "strategy=entropy"), cell_in(tmp_path, "learner=mlp")
    finish(outside, 0, 5.0)
    finish(other, 0, 7.0)
    finish(cell_in(tmp_path), 0, 9.0)  # known already
    gone = tmp_path / "moons-none" / "mlp_1024" / "gone" / "10+10x3" / "seed_000"
    gone.mkdir(parents=True)
    (gone / "run.json").write_text(
        json.dumps({"identity": {"learner": "mlp_1024"}, "command": "altool run strategy=nowhere"})
    )
    known = [str(cell_in(tmp_path).folder)]
    found = list(seen_elsewhere(tmp_path, ["mlp_1024"], known, ["device=cpu"], lambda cell, sizes: ONE))
    assert [(seen.strategy, seen.seconds) for seen in found] == [("entropy", 20.0)]
