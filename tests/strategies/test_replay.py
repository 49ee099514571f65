"""Replay: the recorded purchases, bought again by another learner, and nothing else."""

from pathlib import Path

import pytest

from altool.cli.main import main
from altool.core.records import read_purchases, read_rows

SMALL = "budget.start=12 budget.step=6 budget.stages=3 learner.epochs=2 seeds=[0,1] device=cpu progress=quiet".split()


def folder_of(outputs: Path, strategy: str) -> Path:
    (cell,) = [path.parent for path in outputs.glob(f"*/*/{strategy}/*/seed_000")]
    return cell


def bought(cell: Path, seed: int) -> list[tuple[int, int, int | None]]:
    return [(p.stage, p.index, p.label) for p in read_purchases(cell / f"seed_00{seed}" / "acquired.csv")]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "strategy=entropy", "imbalance=step10", *SMALL]) == 0
    return folder_of(tmp_path / "outputs", "entropy")


def test_another_learner_with_and_without_a_ranker_is_trained_on_the_same_labels(recorded: Path) -> None:
    words = ["learner=mlp", "learner.epochs=3", "device=cpu", "progress=quiet"]
    for extra in ("extension=none", "extension=loss_prediction"):
        assert main(["replay", str(recorded), *words, extra]) == 0
    cells = sorted(recorded.parents[2].glob("mlp/entropy_replayed/*"))
    assert len(cells) == 2
    for cell in cells:
        assert [bought(cell, seed) for seed in (0, 1)] == [bought(recorded, seed) for seed in (0, 1)]
    first, second = (read_rows(cell / "seed_000" / "stages.csv") for cell in cells)
    assert first[0]["learner"] == "mlp" and first[0]["imbalance"] == "step10"
    assert [row["nll"] for row in first] != [row["nll"] for row in second]


def test_the_same_learner_comes_to_the_same_models(recorded: Path) -> None:
    assert main(["replay", str(recorded / "seed_001"), "device=cpu", "progress=quiet"]) == 0
    again = folder_of_seed(recorded.parents[1], 1)
    one, two = (read_rows(folder / "stages.csv") for folder in (recorded / "seed_001", again))
    assert [row["nll"] for row in one] == [row["nll"] for row in two]


def folder_of_seed(learner: Path, seed: int) -> Path:
    (found,) = learner.glob(f"entropy_replayed/*/seed_00{seed}")
    return found


def test_a_run_that_started_otherwise_is_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recorded), "imbalance=none", "device=cpu", "progress=quiet"]) == 2
    assert "started from other labels" in capsys.readouterr().err


def test_a_path_without_a_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(tmp_path)]) == 2
    assert "neither the folder of a seed nor of a cell" in capsys.readouterr().err
