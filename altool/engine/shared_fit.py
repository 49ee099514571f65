"""Stage 0 is shared: equal training recipes on equal labels train once per seed, whatever strategy asks.

Cached by content in outputs/.cache/stage0, oldest out first above a size cap. A file opens with its checksum, and what is
taken from it must evaluate to the same test accuracy as when it was put there; otherwise it is trained again.
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

from altool.core.atomic import write_atomic
from altool.core.strategy import Extension
from altool.engine.cell import Cell
from altool.engine.provenance import source_digest
from altool.learners.learner import FitRequest

log = logging.getLogger("altool")
CHECKSUM_BYTES = 32


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
        data_digest: str,
        extension: Extension | None,
        request: FitRequest,
    ):
        content: dict[str, Any] = {
            "source": source_digest(),
            "dataset": cell.config.get("dataset"),
            "data": data_digest,
            "learner": dict(cell.learner.recipe),
            "extension": (extension.recipe() if extension else None) or None,
            "seed": seed,
            "platform": cell.platform.as_record(),
            "labelled": _digest(request.labelled, *([request.labels] if request.labels.ndim == 1 else [])),
        }
        if extension is not None and extension.uses_unlabelled:
            content["unlabelled"] = _digest(request.unlabelled)
            content["candidates"] = _digest(request.candidates)
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
            content = self.path.read_bytes()
            body = content[CHECKSUM_BYTES:]
            if (
                hashlib.sha256(body).digest() != content[:CHECKSUM_BYTES]
            ):  # torch.load takes flipped bits as they are
                raise ValueError("its checksum does not fit")
            stored = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
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
        body = buffer.getvalue()
        try:
            write_atomic(self.path, lambda file: file.write(hashlib.sha256(body).digest() + body))
            self._trim()
        except OSError as error:  # a full disk costs the cache, not the run
            log.warning("Stage 0 is not shared: %s", error)

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
