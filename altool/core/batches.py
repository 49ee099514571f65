"""Cutting index sets into batches, and how often a fit goes through them."""

from collections.abc import Iterator

import numpy as np


def batch_bounds(n: int, size: int, drop_short: bool = False) -> list[tuple[int, int]]:
    """(start, stop) of every batch of a pass; a last batch of one is left out, since batch norm has no variance there
    (V16), and any last batch shorter than `size` where `drop_short`. The first batch always stays."""
    bounds = [(start, min(start + size, n)) for start in range(0, n, size)]
    last = bounds[-1][1] - bounds[-1][0] if len(bounds) > 1 else size
    return bounds[:-1] if (last == 1 and size > 1) or (last < size and drop_short) else bounds


def epochs_of_fit(n_items: int, size: int, epochs: int, min_steps: int) -> int:
    """`epochs`, or as many more as `min_steps` batches take."""
    return max(epochs, -(-min_steps // len(batch_bounds(n_items, size))))


def endless_batches(
    indices: np.ndarray, size: int, rng: np.random.Generator, shuffle: bool = True
) -> Iterator[np.ndarray]:
    """Batches of `indices`, pass after pass for ever, each pass in a new order unless `shuffle` is off."""
    while True:
        order = rng.permutation(indices) if shuffle else indices
        for start, stop in batch_bounds(len(indices), size):
            yield order[start:stop]
