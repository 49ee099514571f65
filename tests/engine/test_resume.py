"""A run that was killed, stopped or kept out goes on to the same bytes as one that never was."""

import os
import signal
from dataclasses import replace
from functools import cache

import pytest

from altool.core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_STOPPED, Stopped, UserError
from altool.core.runfolder import read_run
from altool.engine.loop import run_cell
from altool.engine.progress import Progress, SeedProgress

STAGE_FILES = ("stages.csv", "acquired.csv", "diagnostics.csv", "stage_001.npz", "run.json", "config.yaml")


def status(outputs) -> str:
    return (read_run(outputs / "remembering" / "seed_000") or {})["status"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory, make_cell, run, files):
    """What an uninterrupted run leaves; with trace, where it is asked for."""

    @cache
    def leave(trace: bool):
        cell = make_cell(tmp_path_factory.mktemp("whole"), trace=trace)
        assert run(cell).done == [0]
        return files(cell.folder)

    return leave


def test_killed_before_every_file_and_inside_every_fit_and_query(
    tmp_path, make_cell, run, files, whole, elsewhere
):
    """What kill -9 leaves is what lies on the disk at that moment: a copy of it, and the lock of a dead process."""
    lived = elsewhere(tmp_path / "lived", copies=tmp_path)
    assert lived.code == 0 and files(tmp_path / "lived" / "remembering") == whole(trace=False)
    assert set(STAGE_FILES) <= set(lived.moments)
    assert lived.moments.count("epoch") == 6 and lived.moments.count("querying") == 2
    for n, moment in enumerate(lived.moments, start=1):
        outputs = tmp_path / str(n)
        assert (outputs / "remembering" / "seed_000" / "lock").exists()
        if read_run(outputs / "remembering" / "seed_000"):
            assert status(outputs) == "running"
        run(make_cell(outputs))
        assert files(outputs / "remembering") == whole(trace=False), f"killed at moment {n}: {moment}"
        assert status(outputs) == "done"


def test_killed_around_the_trace(tmp_path, make_cell, run, files, whole, elsewhere):
    moments = elsewhere(tmp_path / "lived", copies=tmp_path, trace=True).moments
    near = [n for n in range(1, len(moments) + 1) if "epochs.csv" in moments[max(0, n - 2) : n]]
    assert len(near) == 6  # before and after each
    for n in near:
        run(make_cell(tmp_path / str(n), trace=True))
        left = files(tmp_path / str(n) / "remembering")
        assert left == whole(trace=True), f"killed at moment {n}: {moments[n - 1]}"


def test_killed_again_and_again(tmp_path, make_cell, run, files, whole, elsewhere):
    for n in (8, 10, 7, 4):
        assert elsewhere(tmp_path / "often", die_at=n).code == -signal.SIGKILL
    assert len(run(make_cell(tmp_path / "often")).done) == 1
    assert files(tmp_path / "often" / "remembering") == whole(trace=False)


@pytest.mark.parametrize(
    "number,code", [(signal.SIGTERM, EXIT_STOPPED), (signal.SIGINT, EXIT_INTERRUPTED)], ids=["TERM", "INT"]
)
@pytest.mark.parametrize("hook,call", [("epoch", 1), ("epoch", 4), ("querying", 2), ("stage_done", 2)])
def test_a_signal_stops_at_a_safe_point(
    number, code, hook, call, tmp_path, make_cell, run, files, whole, monkeypatch
):
    calls = []
    plain = getattr(SeedProgress, hook)

    def signalled(self, *words):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        plain(self, *words)

    cell = make_cell(tmp_path / "stopped")
    with monkeypatch.context() as patch, pytest.raises(Stopped) as stop:
        patch.setattr(SeedProgress, hook, signalled)
        run(cell)
    assert stop.value.exit_code == code
    assert status(tmp_path / "stopped") == "stopped" and not (cell.folder / "seed_000" / "lock").exists()
    assert len(calls) == call  # it did not go on for another epoch, iteration or stage
    assert run(cell).done == [0]
    assert files(cell.folder) == whole(trace=False)


def test_a_second_ctrl_c_does_not_wait(tmp_path, make_cell, run, files, whole, monkeypatch):
    def twice(self, *words):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    cell = make_cell(tmp_path / "stopped")
    with monkeypatch.context() as patch, pytest.raises(Stopped) as stop:
        patch.setattr(SeedProgress, "epoch", twice)
        run(cell)
    assert stop.value.exit_code == EXIT_INTERRUPTED and status(tmp_path / "stopped") == "stopped"
    run(cell)
    assert files(cell.folder) == whole(trace=False)


def test_a_signal_after_the_last_safe_point_still_ends_a_sweep(tmp_path, make_cell, run, monkeypatch):
    plain = SeedProgress.stage_done

    def signalled(self, record):
        if record.stage == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        plain(self, record)

    monkeypatch.setattr(SeedProgress, "stage_done", signalled)
    with pytest.raises(Stopped):
        run(make_cell(tmp_path))
    assert status(tmp_path) == "done"


def test_a_second_process_is_kept_out_and_nothing_is_lost(
    tmp_path, make_cell, files, whole, elsewhere, monkeypatch
):
    refused = []
    plain = SeedProgress.stage_done

    def visited(self, record):
        refused.append(elsewhere(tmp_path / "held"))
        plain(self, record)

    monkeypatch.setattr(SeedProgress, "stage_done", visited)
    run_cell(make_cell(tmp_path / "held"), Progress("quiet"))
    assert [visitor.code for visitor in refused] == [EXIT_BAD_INPUT] * 3
    assert all(f"being written by process {os.getpid()}" in visitor.error for visitor in refused)
    monkeypatch.undo()
    assert files(tmp_path / "held" / "remembering") == whole(trace=False)


def test_the_same_command_again_does_nothing(tmp_path, make_cell, run):
    cell = make_cell(tmp_path)
    run(cell)
    before = {path: path.stat().st_mtime_ns for path in cell.folder.rglob("*")}
    again = run(cell)
    assert (again.done, again.already_done) == ([], [0])
    assert {path: path.stat().st_mtime_ns for path in cell.folder.rglob("*")} == before


def test_rerun_begins_again_beside_the_old_run(tmp_path, make_cell, run, files):
    run(make_cell(tmp_path))
    assert run(make_cell(tmp_path, rerun=True)).done == [0]
    cell = tmp_path / "remembering"
    assert files(cell / "seed_000") == files(cell / "seed_000.old-1")


def test_a_run_is_not_continued_on_other_data(tmp_path, make_cell, run, elsewhere):
    middle = elsewhere(tmp_path / "lived").moments.index("stages.csv") + 2
    elsewhere(tmp_path / "killed", die_at=middle)
    cell = make_cell(tmp_path / "killed")
    before = (cell.folder / "seed_000" / "stages.csv").read_bytes()
    other = replace(cell, load=lambda seed: replace(cell.load(seed), digest="other"))
    with pytest.raises(UserError, match="begun on other data"):
        run(other)
    assert (cell.folder / "seed_000" / "stages.csv").read_bytes() == before
    assert run(cell).done == [0]  # the refusal let go of the lock


def test_a_recycled_name_of_the_dead_is_no_obstacle(tmp_path, make_cell, run, elsewhere):
    """The lock of a killed process on this host is taken over at once, however fresh it is."""
    elsewhere(tmp_path, die_at=8)
    assert (tmp_path / "remembering" / "seed_000" / "lock").exists()
    assert run(make_cell(tmp_path)).done == [0]


def test_a_pool_too_small_is_refused_before_anything_is_written(tmp_path, make_cell, run):
    cell = make_cell(tmp_path)
    with pytest.raises(UserError, match=r"budget\.stages=129 fits"):
        run(replace(cell, budget=replace(cell.budget, stages=200)))
    assert list(tmp_path.iterdir()) == []
