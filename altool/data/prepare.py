"""A dataset made ready for one seed. The seeds of a process share its images."""

import hashlib
import math
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from altool.core.errors import UserError
from altool.data.bad_files import skipped_line
from altool.data.imbalance import survivors
from altool.data.oracle import Oracle
from altool.data.read import read
from altool.data.reading import Reading
from altool.data.rows import Items, Rows, take
from altool.data.spec import DatasetSpec, ImbalanceSpec
from altool.data.split import validation
from altool.data.store import Store, Transforms
from altool.data.task import Arrays, Split, Task

CHUNK_BYTES = 2**21  # of pixels counted at once: bounds the memory of `pixel_statistics`


def prepare(
    spec: DatasetSpec,
    imbalance: ImbalanceSpec,
    seed: int,
    device: torch.device | str,
    reading: Reading | Path | None = None,
) -> Task:
    """The task of `seed`: validation items leave the pool first, then what the imbalance removes. `reading` as in `read`.

    The store keeps every training item, so indices mean the same for all imbalances. Raises
    UserError as `read` does, and when a split or an imbalance asks for more than there is.
    """
    reading = reading if isinstance(reading, Reading) else Reading(reading)
    arrays, train, test, digest = _stores(spec, torch.device(device), reading)
    held_out = validation(len(arrays.train_y), spec.val, spec.split_seed)
    pool = np.setdiff1d(np.arange(len(arrays.train_y)), held_out, assume_unique=True)
    members = pool
    if not spec.is_dense:
        members = survivors(pool, np.asarray(arrays.train_y)[pool], len(arrays.classes), imbalance, seed)
    elif imbalance.rule != "none":
        raise UserError(
            f"imbalance={imbalance.name} thins out classes of images, but in dataset={spec.name} every pixel has one: type "
            "imbalance=none."
        )
    return Task(
        store=train,
        oracle=Oracle(arrays.train_y),
        members=members,
        test=Split(test, np.arange(len(arrays.test_y)), arrays.test_y),
        val=Split(train, held_out, take(arrays.train_y, held_out)) if len(held_out) else None,
        classes=arrays.classes,
        digest=digest,
        skipped=arrays.skipped,
    )


@lru_cache(maxsize=1)
def _stores(spec: DatasetSpec, device: torch.device, reading: Reading) -> tuple[Arrays, Store, Store, str]:
    arrays = read(spec, reading)
    if arrays.skipped and not reading.quiet:  # once for all seeds and cells that share them
        n_left = len(arrays.train_y) + len(arrays.test_y)
        print(skipped_line(arrays.skipped, n_left, "run.log"), file=sys.stderr, flush=True)
    transforms = transforms_of(spec, arrays.train_x)
    resident = reading.is_resident(arrays.train_x.nbytes + arrays.test_x.nbytes)
    train, test = (Store(x, transforms, device, resident) for x in (arrays.train_x, arrays.test_x))
    return arrays, train, test, _digest(arrays)


def _digest(arrays: Arrays) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in (arrays.train_x, arrays.train_y, arrays.test_x, arrays.test_y):
        _update(digest, part)
    return digest.hexdigest()


def digest_of_items(items: Items) -> str:
    digest = hashlib.blake2b(digest_size=16)
    _update(digest, items)
    return digest.hexdigest()


def _update(digest: Any, part: Items) -> None:
    if isinstance(
        part, Rows
    ):  # digested one by one as they were decoded: a large pool is not read again for this
        assert part.digests is not None
        digest.update(np.ascontiguousarray(part.digests).data)
    else:
        digest.update(np.ascontiguousarray(part).data)


def transforms_of(spec: DatasetSpec, train_x: Items) -> Transforms:
    """What `spec` asks for, with the statistics of the training images where it names none."""
    if train_x.ndim == 2:
        if spec.mean or spec.std or spec.crop_pad or spec.flip:
            raise UserError(f"{spec.name} holds points: dataset.mean, std, crop_pad and flip are for images.")
        return Transforms()
    channels = train_x.shape[-1]
    for key in ("mean", "std"):
        given = getattr(spec, key)
        if given is not None and len(given) != channels:
            raise UserError(f"dataset.{key}={list(given)}: {spec.name} has {channels} channels.")
    if spec.mean is None or spec.std is None:
        mean, std = pixel_statistics(train_x)
        return Transforms(spec.mean or mean, spec.std or std, spec.crop_pad, spec.flip)
    return Transforms(spec.mean, spec.std, spec.crop_pad, spec.flip)


def pixel_statistics(images: Items) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of uint8 (P, H, W, C) images, in units of 255.

    Of all training images, labelled or not, as the papers normalise (P0 5.3). Sums of integers, so
    exact in any order.
    """
    channels = images.shape[-1]
    levels = np.arange(256)
    counts = np.zeros((channels, 256), np.int64)
    rows = max(1, CHUNK_BYTES // math.prod(images.shape[1:]))
    for start in range(0, len(images), rows):
        chunk = images[start : start + rows]
        for c in range(channels):
            counts[c] += np.bincount(chunk[..., c].ravel(), minlength=256)
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ levels
    std = np.sqrt((share * (levels - mean[:, None]) ** 2).sum(axis=1))
    std[std == 0] = 255  # a channel that never changes says nothing in any scale
    return tuple((mean / 255).tolist()), tuple((std / 255).tolist())
