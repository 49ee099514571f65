"""Sweeps: what is planned, what is left out, how failures are told, and the same bytes through every launcher."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from altool.cli.main import main
from altool.core.errors import RunFailed
from altool.core.records import is_volatile, read_rows

QUICK = ("dataset=moons", "budget=small", "learner.epochs=1", "device=cpu", "progress=quiet")
CELLS = ("-m", "strategy=random,margin", "seeds=0", *QUICK)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def failing(here: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cells of strategy=margin fail; the strategies that were run."""
    import altool.session
    from altool.engine.loop import CellResult

    ran: list[str] = []

    def session(cell: Any, _mode: str) -> CellResult:
        ran.append(cell.identity.strategy)
        if ran[-1] == "margin":
            raise RunFailed("out of luck")
        return CellResult(done=list(cell.seeds))

    monkeypatch.setattr(altool.session, "run_session", session)
    return ran


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two cells in one process, one after the other."""
    outputs = tmp_path_factory.mktemp("undisturbed")
    assert main(["run", *CELLS, f"outputs={outputs}"]) == 0
    return outputs


def contents(outputs: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in outputs.glob("*/*/*/*/seed_*/*.csv"):
        rows = [{k: v for k, v in row.items() if not is_volatile(k)} for row in read_rows(path)]
        found[str(path.relative_to(outputs))] = rows
    return found


def test_the_same_sweep_again_runs_nothing_and_its_plan_stays(
    undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = list(undisturbed.glob("*/*/*/*/seed_000/run.json"))
    before = {path: path.stat().st_mtime_ns for path in records}
    assert main(["run", *CELLS, f"outputs={undisturbed}"]) == 0
    assert capsys.readouterr().err == "2 cells: 2 done already, 0 to run.\n"
    assert {path: path.stat().st_mtime_ns for path in records} == before
    (plan,) = undisturbed.glob(".sweeps/*/plan.json")
    planned = json.loads(plan.read_text())["cells"]
    assert {str(undisturbed / cell["folder"] / "seed_000" / "run.json") for cell in planned} == set(
        map(str, records)
    )
    assert [json.loads(path.read_text())["command"] for path in sorted(records)] == sorted(
        cell["command"] for cell in planned
    )


def test_a_done_cell_is_left_out_and_one_of_other_settings_is_not(
    undisturbed: Path, failing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "-m", "strategy=random,entropy", "seeds=0", *QUICK, f"outputs={undisturbed}"]
    assert main(words) == 0
    assert failing == ["entropy"]
    assert main([*words, "learner.lr=0.1"]) == 0
    assert failing == ["entropy", "random", "entropy"]
    assert "2 cells: 1 done already, 1 to run." in capsys.readouterr().err


def test_done_cells_on_frozen_features_are_left_out(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = ["run", "-m", "strategy=random", "seeds=0", "dataset=digits", "budget.stages=1", "device=cpu"]
    sweep += ["learner=linear_probe", "learner.backbone=pixels", "learner.epochs=1", "learner.min_steps=0"]
    assert main([*sweep, "progress=quiet"]) == 0
    capsys.readouterr()
    assert main([*sweep, "progress=quiet"]) == 0
    assert capsys.readouterr().err == "1 cell: 1 done already, 0 to run.\n"


def test_a_failure_is_named_and_the_others_go_on(
    failing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-m", "strategy=margin,random", "seeds=0", *QUICK]) == 1
    assert failing == ["margin", "random"]
    command = " ".join(["altool run strategy=margin seeds=0", *QUICK])
    assert f"failed: {command}: out of luck\n" in capsys.readouterr().err


def test_fail_fast_leaves_the_others(failing: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-m", "strategy=margin,random", "seeds=0", "fail_fast=true", *QUICK]) == 1
    assert failing == ["margin"]
    assert "fail_fast=true" in capsys.readouterr().err


def test_a_real_failure_points_to_its_log(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["strategy=random", "learner.lr=1e30", "learner.optimiser=sgd", *QUICK]
    assert main(["run", "-m", "seeds=0,1", "fail_fast=true", *words]) == 1
    (log,) = here.glob("outputs/*/*/*/*/seed_*/run.log")
    err = capsys.readouterr().err
    assert f"failed: {log.parent}: stage 0: " in err and f"; see {log}\n" in err


@pytest.mark.parametrize(
    "launcher,module",
    [
        ("local", "hydra_plugins.hydra_joblib_launcher"),
        ("submitit_local", "hydra_plugins.hydra_submitit_launcher"),
    ],
)
def test_workers_leave_the_same_bytes_each_with_a_gpu_of_its_own(
    launcher: str, module: str, undisturbed: Path, tmp_path: Path
) -> None:
    pytest.importorskip(module, reason="pip install altool[joblib,slurm]")
    words = ["run", *CELLS, "device=auto", f"outputs={tmp_path / 'o'}", f"hydra/launcher={launcher}"]
    words += ["hydra.launcher.n_jobs=2"] if launcher == "local" else ["hydra.launcher.gpus_per_node=2"]
    done = subprocess.run(
        [sys.executable, "-m", "altool", *words],
        capture_output=True,
        text=True,
        # pretended GPUs: torch finds none of them, so the runs take the processor
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "o") == contents(undisturbed)
    said = done.stderr + "".join(p.read_text() for p in tmp_path.glob("o/.sweeps/*/.submitit/*/*.err"))
    assert {line.split()[-1] for line in said.splitlines() if " has GPU " in line} <= {"0", "1"}
    assert said.count(" has GPU ") == 2


def test_a_cell_that_cannot_be_is_refused_before_the_first_one_runs(
    failing: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-m", "strategy=random,ldr", "dataset=cityscapes", "seeds=0"]) == 2
    assert failing == [] and not Path("outputs").exists()
    assert "altool: strategy=ldr does not work where every pixel has a class" in capsys.readouterr().err
