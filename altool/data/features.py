"""Frozen features in the place of images: computed once, kept on disk by data and backbone, standardised over the pool.

With them a learner is a linear layer, every strategy sees vectors, and one processor queries a large pool in minutes.
They lie in `data_root/features/<backbone>-<hash>/` as float32 and flow through the store like images do.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import nn

from altool.core.atomic import write_atomic, write_text_atomic
from altool.core.errors import UserError
from altool.core.stop import check_stop
from altool.data.counting import Counting
from altool.data.reading import Reading
from altool.data.rows import Rows
from altool.data.store import Store, Transforms
from altool.data.task import Task
from altool.models.backbone import VERSION, make_backbone

CHUNK_PIXELS = 2**21  # of one forward pass: bounds its memory


@dataclass(frozen=True)
class Features:
    """Rows of the training and of the test items, (P, D) and (T, D), float32."""

    train: Rows
    test: Rows


def embedded(task: Task, backbone: str, reading: Reading) -> Task:
    """`task` with the features of its images in their place. Raises UserError for points and missing weights."""
    if not task.store.is_image:
        raise UserError("learner.backbone is for images; for points type learner=mlp.")
    train, test = _stores(task.store, task.test.store, task.digest, backbone, reading)
    digest = f"{task.digest}-{backbone}-{VERSION}"
    val = replace(task.val, store=train) if task.val else None
    return replace(task, store=train, test=replace(task.test, store=test), val=val, digest=digest)


@lru_cache(maxsize=1)
def _stores(train: Store, test: Store, digest: str, backbone: str, reading: Reading) -> tuple[Store, Store]:
    found = features(train, test, digest, backbone, reading)
    resident = reading.is_resident(found.train.nbytes + found.test.nbytes)
    first, second = (Store(rows, Transforms(), train.device, resident) for rows in (found.train, found.test))
    return first, second


def pool_features(images: Store, digest: str, backbone: str, reading: Reading) -> Store:
    """The features of a pool that has no test set."""
    nothing = Store(np.empty((0, *_item_shape(images)), np.uint8), images.transforms, images.device)
    return _stores(images, nothing, digest, backbone, reading)[0]


def _item_shape(images: Store) -> tuple[int, int, int]:
    channels, height, width = images.shape
    return height, width, channels


def features(train: Store, test: Store, digest: str, backbone: str, reading: Reading) -> Features:
    """The features of both, from disk where they are, else computed and put there."""
    key = hashlib.sha256(f"{VERSION}|{torch.__version__}|{backbone}|{digest}".encode()).hexdigest()[:16]
    folder = reading.root.absolute() / "features" / f"{backbone}-{key}"
    sizes = {"train": len(train), "test": len(test)}
    try:
        width = json.loads((folder / "about.json").read_text())["width"]
        return Features(*(_rows(folder / f"{part}.f32", n, width) for part, n in sizes.items()))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    net = make_backbone(backbone).to(train.device)
    try:
        mean, std = _write_raw(folder / "raw.f32", train, net, backbone, reading)
        _standardise(folder / "raw.f32", folder / "train.f32", mean, std)
        _write_raw(folder / "raw.f32", test, net, backbone, reading)
        _standardise(folder / "raw.f32", folder / "test.f32", mean, std)
        (folder / "raw.f32").unlink()
        write_text_atomic(
            folder / "about.json", json.dumps({"width": len(mean), "backbone": backbone, **sizes})
        )
    except OSError as error:
        raise UserError(
            f"features cannot be written to {folder} ({error.strerror or error}): name another folder with data_root=…"
        ) from error
    return Features(*(_rows(folder / f"{part}.f32", n, len(mean)) for part, n in sizes.items()))


@torch.no_grad()
def _write_raw(
    path: Path, store: Store, net: nn.Module, backbone: str, reading: Reading
) -> tuple[np.ndarray, np.ndarray]:
    """Writes the features of all items as they come; returns mean and standard deviation of each, (D,)."""
    _, height, width = store.shape
    chunk = max(1, CHUNK_PIXELS // (height * width))
    moments: list[np.ndarray] = []

    def write(file: BinaryIO) -> None:
        total = square = np.zeros(_width(net, store.shape, store.device))
        with Counting(f"{backbone} features", len(store), reading.quiet) as counting:
            for start in range(0, len(store), chunk):
                check_stop()
                pixels = store.pixels(np.arange(start, min(start + chunk, len(store))))
                found = net(pixels.permute(0, 3, 1, 2).float() / 255).float().cpu().numpy()
                file.write(np.ascontiguousarray(found).data)
                wide = found.astype(np.float64)
                total, square = total + wide.sum(0), square + (wide**2).sum(0)
                counting.advance(len(found))
        mean = total / max(1, len(store))
        std = np.sqrt(np.maximum(square / max(1, len(store)) - mean**2, 0))
        moments.extend([mean, np.where(std > 1e-6, std, 1.0)])  # what never changes says nothing in any scale

    write_atomic(path, write)
    return moments[0], moments[1]


def _width(net: nn.Module, shape: tuple[int, ...], device: torch.device) -> int:
    return net(torch.zeros(1, *shape, device=device)).shape[1]


def _standardise(raw: Path, path: Path, mean: np.ndarray, std: np.ndarray) -> None:
    rows = _rows(raw, raw.stat().st_size // (4 * len(mean)), len(mean))

    def write(file: BinaryIO) -> None:
        for start in range(0, len(rows), 1024):
            file.write(((rows[start : start + 1024] - mean) / std).astype(np.float32).data)

    write_atomic(path, write)


def _rows(path: Path, n: int, width: int) -> Rows:
    """Raises ValueError where the file is not of that size."""
    if path.stat().st_size != 4 * n * width:
        raise ValueError(f"{path} is damaged")
    source = np.memmap(path, np.float32, "r", shape=(n, width)) if n else np.empty((0, width), np.float32)
    return Rows(source, np.arange(n))
