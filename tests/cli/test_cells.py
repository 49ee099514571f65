"""`altool run --cells`: the cells of a file reach the engine, here and through a launcher."""

import json
from pathlib import Path
from typing import Any

import pytest

from altool.cli.main import main

SHARED = ("budget=small", "device=cpu", "seeds=0")


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The cells that would have run."""
    import altool.session
    from altool.engine.loop import CellResult

    seen: list[Any] = []
    monkeypatch.setattr(altool.session, "run_session", lambda cell, *_: seen.append(cell) or CellResult())
    monkeypatch.chdir(tmp_path)
    return seen


def test_each_row_runs_with_a_command_of_its_own(cells: list[Any], tmp_path: Path) -> None:
    Path("cells.csv").write_text("strategy,budget.step\nrandom,5\nmargin,7\nentropy,\n")
    assert main(["run", "--cells", "cells.csv", *SHARED]) == 0
    assert [(cell.identity.strategy, cell.budget.step) for cell in cells] == [
        ("random", 5),
        ("margin", 7),
        ("entropy", 10),
    ]
    assert cells[1].command == "altool run budget=small device=cpu seeds=0 strategy=margin budget.step=7"


def test_a_bad_row_stops_all(cells: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    Path("cells.csv").write_text("strategy,budget.step\nrandom,5\nmargin,many\n")
    assert main(["run", "--cells", "cells.csv", *SHARED]) == 2
    assert cells == []
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "altool: cells.csv, row 3, column budget.step: budget.step=many: must be a whole number.",
        "No cell was run.",
    ]


def test_the_configuration_can_be_shown_without_running(cells: list[Any], capsys: Any) -> None:
    Path("cells.csv").write_text("strategy\nrandom\n")
    assert main(["run", "--cells", "cells.csv", "--cfg", "job"]) == 0
    assert "seeds:" in capsys.readouterr().out and cells == []


def test_a_launchers_workers_run_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason='pip install "altool[joblib]"')
    monkeypatch.chdir(tmp_path)
    Path("cells.csv").write_text("budget.step\n3\n4\n")
    words = ["strategy=random", "budget.stages=1", "learner.epochs=1", "progress=quiet", *SHARED]
    assert main(["run", "--cells", "cells.csv", *words, "hydra/launcher=local"]) == 0
    runs = tmp_path.glob("outputs/digits-none/cnn_small/random/20+[34]x0-*/seed_000/run.json")
    assert [json.loads(run.read_text())["status"] for run in runs] == ["done", "done"]
