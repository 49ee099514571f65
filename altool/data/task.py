"""A dataset made ready for one seed: what the learner trains on, what the pool may offer, what is held out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from altool.data.oracle import Oracle
from altool.data.rows import Items
from altool.data.store import Store


@dataclass(frozen=True)
class Arrays:
    """What a reader gives: uint8 (P, H, W, C) images or float32 (P, D) points, labels (core/maps.py), class names in label
    order; maps of test items may be larger than their images. `skipped`: files that could not be read and were left out
    because the person said so, with the reason, by path."""

    train_x: Items
    train_y: Items
    test_x: Items
    test_y: Items
    classes: tuple[str, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """Held-out items with their labels: `indices` into `store`, `labels` beside them."""

    store: Store
    indices: np.ndarray
    labels: Items


@dataclass(frozen=True)
class Task:
    """`store` holds the whole training set by dataset index; `members` are the indices that the pool may offer;
    `digest`: of all its bytes, so that a run is not continued on other data; `skipped`: as in `Arrays`."""

    store: Store
    oracle: Oracle
    members: np.ndarray
    test: Split
    val: Split | None
    classes: tuple[str, ...]
    digest: str = ""
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_classes(self) -> int:
        return len(self.classes)

    @property
    def is_dense(self) -> bool:
        """Whether labels are maps (core/maps.py)."""
        return bool(self.oracle.label_shape)
