"""`altool retry`: what did not end well goes on by the command that its run.json has."""

import json
from pathlib import Path
from typing import Any

import pytest

import altool.run
from altool.cli.main import main

QUICK = [
    "dataset=moons",
    "strategy=random",
    "budget=small",
    "learner.epochs=1",
    "device=cpu",
    "progress=quiet",
]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What would have been run: shared words, words by cell folder, where."""
    calls: list[Any] = []

    def note(shared: list[str], jobs: list[list[str]], folders: list[Path], command: str) -> int:
        calls.append((shared, dict(zip(folders, jobs, strict=True)), Path.cwd()))
        return 1

    monkeypatch.setattr(altool.run, "run_again", note)
    monkeypatch.chdir(tmp_path)
    return calls


def seed(folder: Path, status: str, command: str, cwd: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": status, "command": command, "cwd": str(cwd)}))


def test_failed_stale_and_stopped_runs_go_on_each_by_its_command(launched: list[Any], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    a, b = (tmp_path / "outputs/moons-none/mlp" / name / "10+10x3" for name in ("a", "b"))
    seed(a / "seed_000", "failed", "altool run strategy=a outputs=out seeds=0,1 rerun=true", elsewhere)
    seed(a / "seed_001", "running", "altool run strategy=a outputs=out seeds=0,1 rerun=true", elsewhere)
    seed(a / "seed_002", "done", "altool run strategy=a", elsewhere)
    seed(b / "seed_007", "stopped", "altool run --config-dir=/my strategy=b 'strategy.x=\"p q\"'", tmp_path)
    words = ["outputs", "hydra/launcher=slurm", "device=cpu"]
    assert main(["retry", *words]) == 1
    outputs = f'outputs="{tmp_path / "outputs"}"'
    assert launched == [
        (
            ["hydra/launcher=slurm"],
            {a: ["strategy=a", "device=cpu", outputs, "seeds=[0,1]"]},
            elsewhere,
        ),
        (
            ["--config-dir=/my", "hydra/launcher=slurm"],
            {b: ["strategy=b", 'strategy.x="p q"', "device=cpu", outputs, "seeds=[7]"]},
            tmp_path,
        ),
    ]
    assert Path.cwd() == tmp_path


def test_nothing_to_retry(launched: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(tmp_path / "outputs/a/b/c/d/seed_000", "done", "altool run", tmp_path)
    assert main(["retry"]) == 0
    assert launched == []
    assert "Nothing to retry" in capsys.readouterr().out
    assert main(["retry", "nowhere"]) == 2
    assert capsys.readouterr().err == "altool: nowhere: there is no such folder.\n"


def test_a_run_that_does_not_say_how_it_was_started(
    launched: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed(tmp_path / "outputs/a/b/c/d/seed_000", "failed", "", tmp_path)
    assert main(["retry"]) == 2
    assert "does not say how it was started" in capsys.readouterr().err
    assert not launched


def test_a_damaged_run_hides_no_other(
    launched: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = tmp_path / "outputs/moons-none/mlp/a/10+10x3"
    for n in (0, 1):
        seed(cell / f"seed_00{n}", "failed", "altool run strategy=a", tmp_path)
    (cell / "seed_000/run.json").write_text("{")
    assert main(["retry"]) == 2
    assert "seed_000 does not say how it was started" in capsys.readouterr().err
    assert launched[0][1] == {cell: ["strategy=a", f'outputs="{tmp_path / "outputs"}"', "seeds=[1]"]}


def test_a_stopped_run_is_finished_wherever_retry_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    assert main(["run", *QUICK, "seeds=0"]) == 0
    (record,) = Path.cwd().glob("outputs/*/*/*/*/seed_000/run.json")
    stages = record.with_name("stages.csv")
    whole = stages.read_bytes()
    stages.write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    run = json.loads(record.read_text())
    record.write_text(json.dumps({**run, "status": "stopped"}))
    monkeypatch.chdir(tmp_path)
    assert main(["retry", "there/outputs"]) == 0
    assert json.loads(record.read_text())["status"] == "done"
    assert len(stages.read_bytes().splitlines()) == len(whole.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_command_that_leads_elsewhere_now_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    seed(
        tmp_path / "outputs/moons-none/mlp/random/99+9x9/seed_000",
        "failed",
        f"altool run {' '.join(QUICK)}",
        tmp_path,
    )
    assert main(["retry"]) == 2
    assert "99+9x9 was made by another version or from another folder" in capsys.readouterr().err
    assert not (tmp_path / "outputs/.sweeps").exists()
