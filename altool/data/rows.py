"""Some rows of a large array, read when they are asked for: what keeps a memory map a memory map on its way to the store."""

from typing import Any

import numpy as np


class Rows:
    """The rows `positions` of `source`, in that order: shape (M, …). Indexing reads and copies what it asks for, `take` does
    neither. `digests`: uint8 (M, B), one digest per row, where their maker knows them."""

    def __init__(self, source: np.ndarray, positions: np.ndarray, digests: np.ndarray | None = None):
        self._source = source
        self._positions = np.asarray(positions, np.int64)
        self.digests = digests

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._positions), *self._source.shape[1:])

    @property
    def ndim(self) -> int:
        return self._source.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._source.dtype

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, which: Any) -> np.ndarray:
        """As numpy indexes; the first axis is read before the others are cut."""
        if isinstance(which, tuple):
            rows = self[which[0]]
            return (
                rows[which[1:]] if isinstance(which[0], int | np.integer) else rows[(slice(None), *which[1:])]
            )
        wanted = self._positions[which]
        if wanted.ndim == 0:
            return np.array(self._source[wanted])
        order = np.argsort(wanted, kind="stable")  # in the order of the file
        out = np.empty((len(wanted), *self._source.shape[1:]), self.dtype)
        out[order] = self._source[wanted[order]]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)

    def take(self, which: np.ndarray) -> "Rows":
        """The rows at `which` of these, unread."""
        digests = None if self.digests is None else self.digests[which]
        return Rows(self._source, self._positions[which], digests)

    def plane(self) -> "Rows":
        """The rows of shape (…, 1) without their last axis, unread."""
        return Rows(self._source[..., 0], self._positions, self.digests)


Items = np.ndarray | Rows


def take(items: Items, which: np.ndarray) -> Items:
    """`items[which]`, unread where `items` are."""
    return items.take(which) if isinstance(items, Rows) else items[which]
