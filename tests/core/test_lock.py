"""One writer per folder: also against the dead, the reborn and the far away."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
