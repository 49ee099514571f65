"""One writer per folder: also against the dead, the reborn and the far away."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import altool.core.lock
from altool.core.errors import RunFailed
from altool.core.lock import STALE_AFTER_SECONDS, Lock, LockHeld, is_stale, read_holder


def test_a_second_writer_is_told_who_has_it(tmp_path):
    lock = Lock(tmp_path / "lock")
    with pytest.raises(LockHeld, match=f"process {os.getpid()} on"):
        Lock(tmp_path / "lock")
    lock.release()
    Lock(tmp_path / "lock").release()
    assert list(tmp_path.iterdir()) == []


def _dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def _rewrite(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_a_dead_process_on_this_host_is_taken_over_at_once(tmp_path):
    Lock(tmp_path / "lock")
    _rewrite(tmp_path / "lock", pid=_dead_pid(), token="dead")
    assert is_stale(tmp_path / "lock")
    heir = Lock(tmp_path / "lock")
    assert read_holder(tmp_path / "lock") == heir.holder


def test_a_recycled_pid_is_not_the_same_process(tmp_path):
    Lock(tmp_path / "lock")
    _rewrite(tmp_path / "lock", birth="1", token="older")
    assert is_stale(tmp_path / "lock")


def test_on_another_host_only_the_heartbeat_tells(tmp_path):
    path = tmp_path / "lock"
    Lock(path)
    _rewrite(path, host="elsewhere", pid=_dead_pid(), token="far")
    with pytest.raises(LockHeld, match="on elsewhere"):
        Lock(path)
    old = time.time() - STALE_AFTER_SECONDS - 1
    os.utime(path, (old, old))
    Lock(path)


def test_release_leaves_anothers_lock_alone(tmp_path):
    mine = Lock(tmp_path / "lock")
    _rewrite(tmp_path / "lock", token="somebody else's")
    mine.release()
    assert (tmp_path / "lock").exists()


RACE = """
import sys, time
from pathlib import Path
from altool.core.lock import Lock, LockHeld
folder = Path(sys.argv[1])
for n in range(40):
    try:
        lock = Lock(folder / "lock")
    except LockHeld:
        continue
    inside = folder / "inside"
    inside.touch(exist_ok=False)
    time.sleep(0.001)
    inside.unlink()
    if n % 7 == 3:
        import os
        os._exit(9)
    lock.release()
"""


def test_eight_processes_that_also_die_never_hold_it_together(tmp_path):
    """Each run leaves the lock behind when it dies; whoever comes next takes it over, one at a time."""
    children = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    errors = [child.communicate()[1] for child in children]
    assert not any(errors), errors
    assert not (tmp_path / "inside").exists()


def test_an_heir_that_died_blocks_nobody(tmp_path):
    """kill -9 in the middle of a take-over leaves both locks behind."""
    for name in ("lock", "lock.heir"):
        Lock(tmp_path / name)
        _rewrite(tmp_path / name, pid=_dead_pid(), token=f"dead {name}")
    heir = Lock(tmp_path / "lock")
    assert read_holder(tmp_path / "lock") == heir.holder
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_slurm_ended_the_earlier_attempt_at_a_job(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    path = tmp_path / "lock"
    Lock(path)
    _rewrite(path, host="elsewhere", token="before")
    with pytest.raises(LockHeld):  # the same attempt at the same job: another process of it
        Lock(path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    Lock(path)
    _rewrite(path, host="elsewhere", job="18.0", token="another job")
    with pytest.raises(LockHeld):
        Lock(path)


def test_who_was_taken_for_dead_writes_no_more(tmp_path):
    slow = Lock(tmp_path / "lock")
    slow.check()
    _rewrite(tmp_path / "lock", token="heir", host="elsewhere", pid=5)
    with pytest.raises(RunFailed, match="process 5 on elsewhere took"):
        slow.check()
    slow.release()
    assert (tmp_path / "lock").exists()
    (tmp_path / "lock").unlink()
    with pytest.raises(RunFailed, match="was removed"):
        slow.check()


def test_the_heart_beats_while_the_run_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(altool.core.lock, "BEAT_EVERY_SECONDS", 0.02)
    lock = Lock(tmp_path / "lock")
    os.utime(lock.path, (0, 0))
    deadline = time.time() + 5
    while lock.path.stat().st_mtime == 0:
        assert time.time() < deadline
        time.sleep(0.01)
    lock.release()


def test_the_answer_to_a_link_may_be_lost(tmp_path, monkeypatch):
    """NFS: the server made the link, the client asks again and hears that it exists."""
    link = os.link

    def answered_late(draft, path):
        link(draft, path)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", answered_late)
    lock = Lock(tmp_path / "lock")
    assert read_holder(lock.path) == lock.holder
    monkeypatch.undo()
    with pytest.raises(LockHeld):
        Lock(tmp_path / "lock")


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lock = Lock(tmp_path / "lock")
    with pytest.raises(LockHeld, match=f"process {os.getpid()} on"):
        Lock(tmp_path / "lock")
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_the_file_servers_clock_decides(tmp_path, monkeypatch):
    """A host whose clock is an hour ahead does not take a living run of another host for dead."""
    Lock(tmp_path / "lock")
    _rewrite(tmp_path / "lock", host="elsewhere", token="far")
    ahead = time.time() + 3600
    monkeypatch.setattr(altool.core.lock.time, "time", lambda: ahead)
    with pytest.raises(LockHeld):
        Lock(tmp_path / "lock")


COUNT = """
import sys, time
from pathlib import Path
from altool.core.errors import RunFailed
from altool.core.lock import Lock, LockHeld
folder, left = Path(sys.argv[1]), 12
while left:
    try:
        lock = Lock(folder / "lock")
    except LockHeld:
        time.sleep(0.001)
        continue
    lines = (folder / "lines").read_text() if (folder / "lines").exists() else ""
    time.sleep(0.0005)
    lock.check()
    draft = folder / f"lines.{lock.holder.pid}"
    draft.write_text(lines + f"{lock.holder.pid}\\n")
    draft.replace(folder / "lines")
    lock.release()
    left -= 1
"""


def test_eight_processes_hammering_one_folder_lose_nothing(tmp_path):
    """Each adds 12 lines by reading, adding and replacing the whole file: one lost lock would lose lines."""
    children = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(8)]
    assert [child.wait() for child in children] == [0] * 8
    lines = (tmp_path / "lines").read_text().split()
    assert sorted(lines.count(str(child.pid)) for child in children) == [12] * 8
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]
