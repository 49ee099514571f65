"""What this process has of the machine it runs on, and how it calls the machine's places."""

import os
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may run on, which a scheduler may have made fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def short(path: Path) -> str:
    """`path` from the current folder where it lies below it, else as it is."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
