"""A stage's randomness as data: which item in which batch, and how it is cropped and flipped (performance.md 4.2).

Drawn once per stage on the CPU from named streams and moved to the device in one piece, so that every device, runner and
schedule sees the same batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from altool.core.batches import batch_bounds
from altool.core.streams import Streams


@dataclass(frozen=True)
class Batch:
    """Positions in the fit's item list with the augmentation of each, all (B,)."""

    positions: Tensor
    dy: Tensor
    dx: Tensor
    flip: Tensor

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def columns(self) -> tuple[Tensor, ...]:
        return self.positions, self.dy, self.dx, self.flip

    def clone(self) -> "Batch":
        return Batch(*(column.clone() for column in self.columns))

    def take(self, other: "Batch") -> None:
        """Becomes an equal of `other`, a batch of the same size, without moving."""
        for column, values in zip(self.columns, other.columns, strict=True):
            column.copy_(values)

    def split(self, size: int | None) -> list["Batch"]:
        """Nearly equal parts of at most `size` items, none of a single one; the whole where `size` is None."""
        if size is None:
            return [self]
        n_parts = -(-len(self) // size)
        while n_parts > 1 and len(self) // n_parts < 2:
            n_parts -= 1
        return [Batch(*part) for part in zip(*(c.tensor_split(n_parts) for c in self.columns), strict=True)]


@dataclass(frozen=True)
class StagePlan:
    """`positions`, `dy`, `dx`, `flip`: (epochs, n_items), in training order; `bounds`: (start, stop) of each batch."""

    positions: Tensor
    dy: Tensor
    dx: Tensor
    flip: Tensor
    bounds: list[tuple[int, int]]

    @property
    def epochs(self) -> int:
        return len(self.positions)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.bounds)

    def batches(self, epoch: int) -> Iterator[Batch]:
        for start, stop in self.bounds:
            part = slice(start, stop)
            yield Batch(
                self.positions[epoch, part],
                self.dy[epoch, part],
                self.dx[epoch, part],
                self.flip[epoch, part],
            )


def draw_plan(
    n_items: int,
    epochs: int,
    batch_size: int,
    crop_pad: int,
    flip: bool,
    streams: Streams,
    device: torch.device,
    drop_short: bool = False,
) -> StagePlan:
    """A fresh permutation per epoch; offsets uniform on 0..2·crop_pad; flips with probability 1/2."""
    shuffle, augment = streams.numpy("shuffle"), streams.numpy("augment")
    positions = shuffle.permuted(np.tile(np.arange(n_items), (epochs, 1)), axis=1)
    shape = (epochs, n_items)
    dy, dx = (augment.integers(0, 2 * crop_pad + 1, shape, dtype=np.uint8) for _ in range(2))
    flips = augment.random(shape, dtype=np.float32) < 0.5 if flip else np.zeros(shape, bool)
    arrays = (torch.from_numpy(a).to(device) for a in (positions, dy, dx, flips))
    return StagePlan(*arrays, bounds=batch_bounds(n_items, batch_size, drop_short))
