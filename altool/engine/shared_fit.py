"""Stage 0 is shared: equal training recipes on equal labels train once per seed, whatever strategy asks.

Cached by content in outputs/.cache/stage0, oldest out first above a size cap. What is taken from the cache must evaluate to
the same test accuracy as when it was put there; otherwise it is thrown away and trained again.
"""

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import altool
from altool.core.atomic import write_atomic
from altool.core.strategy import Extension
from altool.engine.cell import Cell

log = logging.getLogger("altool")


@dataclass(frozen=True)
class SharedFit:
    """Weights by network, the accuracy they reached, and the seconds that the training took."""

    state: Mapping[str, Mapping[str, Tensor]]
    accuracy: float
    fit_seconds: float


class StageZeroCache:
    """The cache file of one (cell, seed)."""

    def __init__(
        self,
        cell: Cell,
        seed: int,
        extension: Extension | None,
        labelled: np.ndarray,
        labels: np.ndarray,
        candidates: np.ndarray,
    ):
        content: dict[str, Any] = {
            "altool": altool.__version__,
            "data": {key: cell.config.get(key) for key in ("dataset", "imbalance")},
            "learner": dict(cell.learner.recipe),
            "extension": extension.recipe() if extension else None,
            "seed": seed,
            "platform": cell.platform.as_record(),
            "labelled": _digest(labelled, labels),
        }
        if extension is not None and extension.uses_unlabelled:
            content["candidates"] = _digest(candidates)
        text = json.dumps(content, sort_keys=True, default=str)
        self.path = (
            cell.outputs / ".cache" / "stage0" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.pt"
        )
        self.cap_bytes = cell.cache_mib * 2**20

    def load(self) -> SharedFit | None:
        """The stored fit, None where there is none or it cannot be read."""
        if not self.path.exists():
            return None
        try:
            stored = torch.load(self.path, map_location="cpu", weights_only=True)
            self.path.touch()
            return SharedFit(**stored)
        except Exception as error:  # any damage is repaired by training again
            log.warning("The shared stage 0 %s cannot be read (%s); training again.", self.path, error)
            return None

    def store(self, fit: SharedFit) -> None:
        buffer = io.BytesIO()
        torch.save({"state": fit.state, "accuracy": fit.accuracy, "fit_seconds": fit.fit_seconds}, buffer)
        if buffer.tell() > self.cap_bytes:
            return
        write_atomic(self.path, lambda file: file.write(buffer.getbuffer()))
        self._trim()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)

    def _trim(self) -> None:
        files: list[tuple[float, int, Path]] = []
        for path in self.path.parent.glob("*.pt"):
            try:
                files.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another process trimmed it
                continue
        size = sum(bytes_ for _, bytes_, _ in files)
        for _, bytes_, path in sorted(files):
            if size <= self.cap_bytes:
                break
            path.unlink(missing_ok=True)
            size -= bytes_


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=np.int64).tobytes())
    return digest.hexdigest()
