"""The only holder of the pool's labels."""

import numpy as np

from altool.core.pool import as_indices
from altool.data.rows import Items


class Oracle:
    """Gives labels away, and counts. The engine alone may `audit`, for diagnostics after the picks are recorded.

    Labels are classes, (n,) int64, or maps of classes, (n, H, W) uint8, which are read when they are asked for.
    """

    def __init__(self, labels: Items):
        self.__labels = as_indices(labels) if labels.ndim == 1 else labels
        self.label_shape: tuple[int, ...] = tuple(labels.shape[1:])
        self.revealed = 0

    def reveal(self, indices: np.ndarray) -> np.ndarray:
        """Labels of `indices`; each one counts as bought."""
        self.revealed += len(indices)
        return self.audit(indices)

    def recall(self, indices: np.ndarray) -> np.ndarray:
        """Labels of `indices`, which were bought before."""
        return self.audit(indices)

    def audit(self, indices: np.ndarray) -> np.ndarray:
        """Labels of `indices` that are not bought: for diagnostics (P1 Fig. 8) and the balanced start rule only."""
        return self.__labels[indices]
