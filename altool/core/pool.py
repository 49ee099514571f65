"""The pool: which dataset indices may be bought, which were, and when. Frozen; every purchase makes a new one."""

from dataclasses import dataclass

import numpy as np


def as_indices(values: object) -> np.ndarray:
    """`values` as a 1-D int64 array of its own; refuses floats and other shapes."""
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"indices must be a 1-D integer array, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64, copy=True)


@dataclass(frozen=True, eq=False)
class Pool:
    """Bookkeeping over dataset indices.

    `members`: sorted dataset indices that belong to the pool (what imbalance and validation split left).
    `acquired`: dataset indices in acquisition order; `stages`: for each, the first stage whose model is fitted on it.
    """

    members: np.ndarray
    acquired: np.ndarray
    stages: np.ndarray

    @staticmethod
    def of(members: object) -> "Pool":
        """A pool with nothing bought. Raises ValueError on duplicates or negative indices."""
        sorted_members = np.sort(as_indices(members))
        if len(sorted_members) and sorted_members[0] < 0:
            raise ValueError("a pool holds no negative index")
        if np.any(np.diff(sorted_members) == 0):
            raise ValueError("a pool holds every index once")
        empty = np.empty(0, np.int64)
        return Pool(_frozen(sorted_members), _frozen(empty), _frozen(empty))

    def acquire(self, indices: object, stage: int, duplicates: bool = False) -> "Pool":
        """The pool after buying `indices` for `stage`. Raises ValueError if one is no member, bought, or repeated;
        `duplicates` lets the last two pass, for the released random baseline alone (D14)."""
        new = as_indices(indices)
        if not duplicates and len(np.unique(new)) != len(new):
            raise ValueError(f"index {_first_repeat(new)} was asked for twice")
        outside = new[~np.isin(new, self.members)]
        if len(outside):
            raise ValueError(f"index {outside[0]} is not in the pool")
        bought = new[np.isin(new, self.acquired)]
        if len(bought) and not duplicates:
            raise ValueError(f"index {bought[0]} is labelled already")
        if len(self.stages) and stage < self.stages[-1]:
            raise ValueError(f"stage {stage} comes before stage {self.stages[-1]}")
        at = np.full(len(new), stage, np.int64)
        return Pool(
            self.members,
            _frozen(np.concatenate([self.acquired, new])),
            _frozen(np.concatenate([self.stages, at])),
        )

    @property
    def labelled(self) -> np.ndarray:
        """Labelled dataset indices in acquisition order, (L,) int64."""
        return self.acquired

    @property
    def unlabelled(self) -> np.ndarray:
        """Unlabelled dataset indices, sorted, (U,) int64."""
        return np.setdiff1d(self.members, self.acquired)

    def acquired_for(self, stage: int) -> np.ndarray:
        """What was bought for `stage`, in order."""
        return self.acquired[self.stages == stage]

    def __len__(self) -> int:
        return len(self.members)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _first_repeat(indices: np.ndarray) -> int:
    values, counts = np.unique(indices, return_counts=True)
    return int(values[counts > 1][0])
