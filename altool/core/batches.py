"""Cutting index sets into batches."""

from collections.abc import Iterator

import numpy as np


def batch_bounds(n: int, size: int) -> list[tuple[int, int]]:
    """(start, stop) of every batch of a pass; a last batch of one is left out, since batch norm has no variance there
    (V16)."""
    bounds = [(start, min(start + size, n)) for start in range(0, n, size)]
    single = size > 1 and len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1
    return bounds[:-1] if single else bounds


def endless_batches(
    indices: np.ndarray, size: int, rng: np.random.Generator, shuffle: bool = True
) -> Iterator[np.ndarray]:
    """Batches of `indices`, pass after pass for ever, each pass in a new order unless `shuffle` is off."""
    while True:
        order = rng.permutation(indices) if shuffle else indices
        for start, stop in batch_bounds(len(indices), size):
            yield order[start:stop]
