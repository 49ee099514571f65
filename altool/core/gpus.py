"""One GPU per worker: claimed by a lock file on its machine, and the only one that the worker sees.

For launchers that start several processes on one machine without dividing its GPUs; Slurm and Ray divide them themselves.
"""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from altool.core.lock import Lock, LockHeld
from altool.core.stop import check_stop

VISIBLE = "CUDA_VISIBLE_DEVICES"
LOOK_AGAIN_SECONDS = 2.0

_claimed: Lock | None = None  # for the life of the process: CUDA reads VISIBLE once


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES names, else the UUID of every GPU; [] where there is none. Leaves CUDA alone."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return list(_uuids().values())


def _uuids() -> dict[str, str]:
    """UUIDs by index, as the driver's own tool lists them."""
    words = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    pairs = (line.split(",", 1) for line in done.stdout.splitlines() if "," in line)
    return {index.strip(): uuid.strip() for index, uuid in pairs}


def claim_gpu(gpus: Sequence[str], runs_per_gpu: int, say: Callable[[str], object]) -> str:
    """Claims one of `gpus` for this process and hides the others from it; waits while all are taken.

    Each has `runs_per_gpu` places; the GPUs fill evenly. Returns its name, the same at every call. Raises Stopped.
    """
    global _claimed
    if _claimed is not None:
        return os.environ[VISIBLE]
    uuids = _uuids() if any(name.isdigit() for name in gpus) else {}
    waiting = False
    while True:
        for place in range(runs_per_gpu):
            for name in gpus:
                try:
                    _claimed = Lock(_lock_path(uuids.get(name, name), place))
                except (LockHeld, PermissionError):  # another's, perhaps another user's
                    continue
                os.environ[VISIBLE] = name
                return name
        if not waiting:
            say(
                f"waiting for a GPU: {len(gpus)} × runs_per_gpu={runs_per_gpu} are at work already "
                f"(locks in {_lock_path('', 0).parent})"
            )
        waiting = True
        check_stop()
        time.sleep(LOOK_AGAIN_SECONDS)


def _lock_path(gpu: str, place: int) -> Path:
    folder = Path(tempfile.gettempdir()) / f"altool-gpus-{socket.gethostname()}"
    if not folder.exists():
        folder.mkdir(exist_ok=True)
        folder.chmod(0o1777)  # for all users of the machine
    return folder / f"{gpu.replace('/', '_')}.{place}"
