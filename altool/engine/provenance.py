"""Where and from what a run was made: versions, git state, machine."""

import hashlib
import platform
import resource
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import altool

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "hydra-core", "omegaconf", "pandas")


@lru_cache
def processor(device: torch.device) -> str:
    """The name of the GPU or CPU: equal bytes are only promised on equal processors."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@lru_cache
def source_digest() -> str:
    """Of all code that shapes a fitted model, so that a shared fit is never one of other code."""
    digest = hashlib.blake2b(digest_size=16)
    package = Path(altool.__file__).parent
    for layer in ("core", "data", "models", "learners", "strategies"):
        for path in sorted((package / layer).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@lru_cache
def versions() -> dict[str, str]:
    found = {"altool": altool.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache
def git_state() -> dict[str, Any] | None:
    """Commit of altool's own checkout and whether it was changed since; None for an installed wheel."""
    root = Path(altool.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout.strip()


def peak_memory_mib(device: torch.device) -> float:
    """Peak of the device's allocator since `reset_peak_memory` on a GPU; peak resident size of the process elsewhere."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
