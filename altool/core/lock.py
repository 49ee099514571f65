"""One writer per run folder, also on a shared file system: a lock file with host and pid in it.

Created by hard link, which is atomic on NFS as well; flock is not relied on. A dead process on this host is taken over
at once, so is an earlier attempt at the same Slurm job; on other hosts only the age of the last heartbeat can tell.
"""

import contextlib
import errno
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from altool.core.errors import RunFailed, UserError
from altool.core.stop import check_stop

STALE_AFTER_SECONDS = 900.0
BEAT_EVERY_SECONDS = 15.0
ASK_EVERY_SECONDS = 0.5
NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)  # some FUSE and SMB mounts


class LockHeld(UserError):
    """Another live process writes this folder."""


@dataclass(frozen=True)
class Holder:
    host: str
    pid: int
    birth: str  # the process's start time as the kernel counts it: a recycled pid is not the same process
    token: str
    job: str = ""  # the Slurm job with its task, where there is one
    attempt: str = ""  # how often Slurm has started that job again


def _this_process() -> Holder:
    pid, slurm = os.getpid(), os.environ.get("SLURM_JOB_ID", "")
    return Holder(
        socket.gethostname(),
        pid,
        _birth(pid),
        uuid.uuid4().hex,
        f"{slurm}.{os.environ.get('SLURM_PROCID', '0')}" if slurm else "",
        os.environ.get("SLURM_RESTART_COUNT", "0") if slurm else "",
    )


def _birth(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _alive_here(holder: Holder) -> bool:
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not holder.birth or _birth(holder.pid) in ("", holder.birth)


def read_holder(path: Path) -> Holder | None:
    """Who holds the lock, None where there is none."""
    try:
        return Holder(**json.loads(path.read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def is_stale(path: Path, now: float | None = None) -> bool:
    """Whether the lock at `path` belongs to nobody who still works. False where there is no lock.

    `now`: the file system's own clock, which may differ from this host's (default).
    """
    holder = read_holder(path)
    try:
        age_seconds = (now or time.time()) - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if holder is not None and holder.host == socket.gethostname():
        return not _alive_here(holder)
    if holder is not None and holder.job:
        here = _this_process()
        if (
            here.job == holder.job and here.attempt != holder.attempt
        ):  # Slurm ended one before it began the other
            return True
    return age_seconds > STALE_AFTER_SECONDS


class Lock:
    """Held from construction to `release`. A thread beats meanwhile, since one epoch may take longer than a lock lives."""

    def __init__(self, path: Path):
        """Takes the lock. Raises LockHeld when a live process has it."""
        self.path = path
        self.holder = _this_process()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._create():
            self._take_over()
        self._released = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _draft(self) -> Path:
        draft = self.path.with_name(f".{self.path.name}.{self.holder.token}")
        draft.write_text(json.dumps(asdict(self.holder)))
        return draft

    def _create(self) -> bool:
        draft = self._draft()
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return draft.stat().st_nlink == 2  # NFS may lose the answer of a link that it made, and try again
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            return self._create_without_links()
        finally:
            draft.unlink()
        return True

    def _create_without_links(self) -> bool:
        try:
            with self.path.open("x") as file:
                file.write(json.dumps(asdict(self.holder)))
        except FileExistsError:
            return False
        return True

    def _clock(self) -> float:
        """What time it is for the file system that `path` lies on."""
        draft = self._draft()
        try:
            return draft.stat().st_mtime
        finally:
            draft.unlink()

    def _take_over(self) -> None:
        """Replaces a stale lock; a second lock on the right to do so keeps two heirs apart."""
        if not is_stale(self.path, self._clock()):
            if not self.path.exists() and self._create():
                return
            raise LockHeld(self._held_message())
        if self.path.suffix == ".heir":
            self._bury()
            if not self._create():
                raise LockHeld(self._held_message())
            return
        heir = Lock(self.path.with_name(self.path.name + ".heir"))
        try:
            if not is_stale(self.path, self._clock()):
                raise LockHeld(self._held_message())
            self._draft().replace(self.path)
        finally:
            heir.release()

    def _bury(self) -> None:
        """Puts away the lock of an heir that died. Who moved a living one by mistake puts it back and gives way."""
        dead = read_holder(self.path)
        grave = self.path.with_name(f".{self.path.name}.{self.holder.token}.dead")
        try:
            self.path.rename(grave)
        except FileNotFoundError:
            return
        try:
            if read_holder(grave) != dead:
                with contextlib.suppress(FileExistsError):
                    os.link(grave, self.path)
                raise LockHeld(self._held_message())
        finally:
            grave.unlink(missing_ok=True)

    def _held_message(self) -> str:
        holder = read_holder(self.path)
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        return f"{self.path.parent} is being written by {who}: wait for it, or stop it first."

    def check(self) -> None:
        """Raises RunFailed unless the lock is still this process's: who was taken for dead may write no more."""
        holder = read_holder(self.path)
        if holder is None:
            raise RunFailed(f"the lock {self.path} was removed while this run was at work")
        if holder.token != self.holder.token:
            raise RunFailed(
                f"process {holder.pid} on {holder.host} took {self.path.parent} over: this one gave no sign of life "
                f"for {STALE_AFTER_SECONDS / 60:.0f} minutes"
            )

    def release(self) -> None:
        self._released.set()
        holder = read_holder(self.path)
        if holder is not None and holder.token == self.holder.token:
            self.path.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._released.wait(BEAT_EVERY_SECONDS):
            with contextlib.suppress(OSError, RunFailed):  # the run hears of it when it next writes
                self.check()
                os.utime(self.path)


@contextlib.contextmanager
def holding(path: Path) -> Iterator[None]:
    """Inside, the lock is this process's; it is waited for while others have it. Raises Stopped when asked to stop."""
    while True:
        try:
            lock = Lock(path)
            break
        except LockHeld:
            check_stop()
            time.sleep(ASK_EVERY_SECONDS)
    try:
        yield
    finally:
        lock.release()
