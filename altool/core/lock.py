"""One writer per run folder, also on a shared file system: a lock file with host and pid in it.

Created by hard link, which is atomic on NFS as well; flock is not relied on. A dead process on this host is taken over
at once; on other hosts only the age of the last heartbeat can tell.
"""

import contextlib
import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from altool.core.errors import RunFailed, UserError

STALE_AFTER_SECONDS = 900.0
BEAT_EVERY_SECONDS = 5.0


class LockHeld(UserError):
    """Another live process writes this folder."""


@dataclass(frozen=True)
class Holder:
    host: str
    pid: int
    birth: str  # the process's start time as the kernel counts it: a recycled pid is not the same process
    token: str


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


def is_stale(path: Path) -> bool:
    """Whether the lock at `path` belongs to nobody who still works. False where there is no lock."""
    holder = read_holder(path)
    try:
        age_seconds = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return False
    if holder is None:
        return age_seconds > STALE_AFTER_SECONDS
    if holder.host == socket.gethostname():
        return not _alive_here(holder)
    return age_seconds > STALE_AFTER_SECONDS


class Lock:
    """Held from construction to `release`; `beat` tells other hosts that we live."""

    def __init__(self, path: Path):
        """Takes the lock. Raises LockHeld when a live process has it."""
        self.path = path
        pid = os.getpid()
        self.holder = Holder(socket.gethostname(), pid, _birth(pid), uuid.uuid4().hex)
        self._last_beat = time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._create():
            self._take_over()

    def _draft(self) -> Path:
        draft = self.path.with_name(f".{self.path.name}.{self.holder.token}")
        draft.write_text(json.dumps(asdict(self.holder)))
        return draft

    def _create(self) -> bool:
        draft = self._draft()
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def _take_over(self) -> None:
        """Replaces a stale lock; a second lock on the right to do so keeps two heirs apart."""
        if not is_stale(self.path):
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
            if not is_stale(self.path):
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

    def beat(self) -> None:
        """Refreshes the heartbeat, at most every few seconds."""
        if time.monotonic() - self._last_beat > BEAT_EVERY_SECONDS:
            self._last_beat = time.monotonic()
            try:
                os.utime(self.path)
            except FileNotFoundError:
                raise RunFailed(f"the lock {self.path} was removed while this run was at work") from None

    def release(self) -> None:
        holder = read_holder(self.path)
        if holder is not None and holder.token == self.holder.token:
            self.path.unlink(missing_ok=True)
