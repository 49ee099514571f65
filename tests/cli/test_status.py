"""What `altool status` says of run folders."""

import json
import os
import socket
from pathlib import Path

import pytest

from altool.cli.main import main
from altool.core.lock import Lock
from altool.core.states import look
from altool.core.sweep import Plan, PlannedCell

CELL = Path("outputs/digits-none/mlp/random/20+20x5")
DEAD_PID = 2**22 - 1  # no process: above what this kernel hands out by default, and never this one


def seed(folder: Path, status: str, accuracies: list[float], **more: object) -> Path:
    """A seed folder as the engine leaves it."""
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": status, "stages": 6, **more}))
    rows = "".join(f"{stage},{accuracy}\n" for stage, accuracy in enumerate(accuracies))
    (folder / "stages.csv").write_text("stage,accuracy\n" + rows)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_of_all_states(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_000", "done", [0.1] * 5 + [0.80])
    seed(CELL / "seed_001", "done", [0.1] * 5 + [0.84])
    running = Lock(seed(CELL / "seed_002", "running", [0.5, 0.6]) / "lock")
    seed(CELL / "seed_003", "failed", [0.5], reason="stage 1: the loss is not finite")
    seed(CELL / "seed_004", "stopped", [0.5])
    seed(CELL / "seed_005", "running", [])  # killed: no lock is left
    killed = seed(CELL / "seed_006", "running", [])
    holder = {"host": socket.gethostname(), "pid": DEAD_PID, "birth": "", "token": "x"}
    (killed / "lock").write_text(json.dumps(holder))
    seed(CELL / "seed_000.old-1", "done", [0.9] * 6)
    try:
        assert main(["status"]) == 0
    finally:
        running.release()
    out = capsys.readouterr().out
    assert out == (
        "run                                     status   seeds  stages  accuracy      sign of life\n"
        "outputs/digits-none/mlp/random/20+20x5  done     0,1    6/6     82.0 % ± 2.8\n"
        "                                        running  2      2/6     60.0 %        0 s ago\n"
        "                                        stopped  4      1/6     50.0 %\n"
        "                                        failed   3      1/6     50.0 %\n"
        "                                        stale    5,6    0/6\n"
        "outputs/digits-none/mlp/random/20+20x5/seed_003 failed: stage 1: the loss is not finite\n"
        "altool retry outputs goes on with what is failed or stale or stopped.\n"
    )


def test_done_without_its_stages_is_damage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_000", "done", [0.5, 0.6])
    assert main(["status"]) == 0
    assert "failed: run.json says done, but stages.csv has 2 of 6 stages" in capsys.readouterr().out


def test_a_mistyped_path_among_others_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_000", "done", [0.5] * 6)
    assert main(["status", "outputs", "nope", "--json"]) == 2
    assert "nope: there is no such folder" in capsys.readouterr().err


def test_paths_may_be_seeds_cells_or_anything_above(here: Path) -> None:
    one = seed(CELL / "seed_000", "done", [0.5])
    two = seed(CELL / "seed_001", "done", [0.5])
    assert [seen.folder for seen in look([one])] == [one]
    assert [seen.folder for seen in look([CELL, one, Path("outputs")])] == [one, two]


def test_a_lock_of_another_host_counts_while_its_heart_beats(here: Path) -> None:
    folder = seed(CELL / "seed_000", "running", [])
    lock = folder / "lock"
    lock.write_text(json.dumps({"host": "elsewhere", "pid": 1, "birth": "", "token": "x"}))
    assert [seen.status for seen in look([CELL])] == ["running"]
    os.utime(lock, (0, 0))
    assert [seen.status for seen in look([CELL])] == ["stale"]


def test_what_a_sweep_planned_and_never_began(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_000", "done", [0.5] * 6)
    other = "digits-none/mlp/margin/20+20x5"
    cells = (
        PlannedCell("digits-none/mlp/random/20+20x5", (0, 1), "altool run strategy=random"),
        PlannedCell(other, (0,), "altool run strategy=margin"),
    )
    Plan(here / "outputs", "altool run -m strategy=random,margin", cells).write()
    assert main(["status"]) == 0
    assert capsys.readouterr().out == (
        "run                                     status         seeds  stages  accuracy\n"
        "outputs/digits-none/mlp/margin/20+20x5  never started  0      0/?\n"
        "outputs/digits-none/mlp/random/20+20x5  done           0      6/6     50.0 %\n"
        "                                        never started  1      0/?\n"
        "What never started waits for its sweep; type it again if that has ended:\n"
        "  altool run -m strategy=random,margin\n"
    )
    found = list(look([Path("outputs") / other]))
    assert [(one.status, one.command) for one in found] == [("never started", "altool run strategy=margin")]
    (here / "outputs/.sweeps/broken").mkdir()
    (here / "outputs/.sweeps/broken/plan.json").write_text("{")
    assert len(list(look([Path("outputs")]))) == 3


def test_json_for_scripts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_003", "failed", [0.5], reason="stage 1: first\nlast line", command="altool run x=1")
    assert main(["status", "outputs", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["seed"], one["status"], one["stages_done"], one["stages"]) == (3, "failed", 1, 6)
    assert (one["folder"], one["command"]) == (str(CELL / "seed_003"), "altool run x=1")
    assert one["heartbeat_seconds"] is None
    assert main(["status"]) == 0
    assert "seed_003 failed: last line\n" in capsys.readouterr().out
    assert main(["status", "nowhere", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_watching_ends_when_all_is_done(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import altool.cli.status as status

    one = seed(CELL / "seed_000", "stopped", [0.5])
    looks: list[float] = []

    def finish(seconds: float) -> None:
        looks.append(seconds)
        (one / "run.json").write_text(json.dumps({"status": "done", "stages": 1}))

    monkeypatch.setattr(status.time, "sleep", finish)
    assert main(["status", "--watch"]) == 0
    assert looks == [status.REFRESH_SECONDS]
    assert "done" in capsys.readouterr().out


def test_smoke_runs_are_told_to_be_no_results(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed(CELL / "seed_000", "done", [0.1] * 5 + [0.80])
    seed(
        Path("outputs/smoke") / CELL.relative_to("outputs") / "seed_000",
        "done",
        [0.1] * 6,
        stamp="No result.",
    )
    assert main(["status", "outputs"]) == 0
    assert "1 of these runs: No result." in capsys.readouterr().out
