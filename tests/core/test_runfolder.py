"""The run folder: fresh, resumed, finished, refused, moved aside."""

import numpy as np
import pytest

from altool.core.errors import RunConflict
from altool.core.lock import LockHeld
from altool.core.records import Purchase
from altool.core.runfolder import RunFolder, read_run

CONFIG = {"learner": {"lr": 0.1}, "strategy": {"name": "random"}}
RUN = {"fingerprint": "f1", "platform": {"threads": 2}}


def open_(path, **more):
    return RunFolder.open(path, **{"config": CONFIG, "run": RUN, "stages": 2, **more})


def test_what_lies_beyond_the_last_committed_stage_is_dropped(tmp_path, record):
    folder = open_(tmp_path / "seed_000")
    start, bought = Purchase(0, 0, 5, 1, None), Purchase(1, 0, 6, 0, 0.5)
    folder.add_purchases([start])
    folder.add_purchases([bought])
    folder.close("stopped")  # killed after buying for stage 1, before the row of stage 0
    again = open_(tmp_path / "seed_000")
    assert again.purchases == [start] and again.next_stage == 0 and not again.finished
    again.add_purchases([bought])
    again.commit_stage(record)
    again.close("stopped")
    assert open_(tmp_path / "seed_000").purchases == [start, bought]


def test_a_live_writer_keeps_others_out(tmp_path):
    open_(tmp_path)
    with pytest.raises(LockHeld):
        open_(tmp_path)


def test_another_configuration_is_refused_with_its_keys(tmp_path):
    open_(tmp_path).close("stopped")
    other = {**CONFIG, "learner": {"lr": 0.2}}
    with pytest.raises(RunConflict, match=r"learner\.lr: 0\.1 → 0\.2") as error:
        open_(tmp_path, config=other, run={**RUN, "fingerprint": "f2"})
    assert "rerun=true" in str(error.value)
    open_(tmp_path).close("stopped")  # the refusal let go of the lock


def test_another_platform_asks_for_consent(tmp_path):
    open_(tmp_path).close("stopped")
    run = {**RUN, "platform": {"threads": 4}}
    with pytest.raises(RunConflict, match="threads: 2 → 4"):
        open_(tmp_path, run=run)
    folder = open_(tmp_path, run=run, allow_platform_change=True)
    assert folder.run["platform"] == {"threads": 4}


def test_rerun_moves_the_old_folder_aside(tmp_path):
    path = tmp_path / "seed_000"
    for _ in range(2):
        folder = open_(path, rerun=True)
        folder.add_purchases([Purchase(0, 0, 5, 1, None)])
        folder.close("done")
    assert open_(path, rerun=True).purchases == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["seed_000", "seed_000.old-1", "seed_000.old-2"]


def test_a_finished_run_says_so_and_keeps_its_status(tmp_path, record):
    folder = open_(tmp_path, stages=1)
    folder.commit_stage(record)
    folder.close("done")
    again = open_(tmp_path, stages=1)
    assert again.finished and (read_run(tmp_path) or {})["status"] == "done"


def test_carry_and_diagnostics_come_back_without_pickle(tmp_path):
    folder = open_(tmp_path)
    carry = {"twins": np.arange(6.0).reshape(2, 3)}
    folder.write_carry(1, carry)
    assert (folder.read_carry(1)["twins"] == carry["twins"]).all() and folder.read_carry(0) == {}
    folder.write_diagnostics(0, {"scores": np.arange(3)})
    with np.load(tmp_path / "diagnostics" / "stage_000.npz", allow_pickle=False) as stored:
        assert list(stored["scores"]) == [0, 1, 2]


def test_side_tables_replace_what_a_killed_attempt_left(tmp_path):
    folder = open_(tmp_path)
    folder.append_table("epochs.csv", 0, [{"epoch": 0, "loss": 1.0}])
    folder.append_table("epochs.csv", 1, [{"epoch": 0, "loss": 2.0}])
    folder.append_table("epochs.csv", 1, [{"epoch": 0, "loss": 3.0}])
    assert (tmp_path / "epochs.csv").read_text() == "stage,epoch,loss\n0,0,1.0\n1,0,3.0\n"
