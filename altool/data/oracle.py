"""The only holder of the pool's labels."""

import numpy as np

from altool.core.pool import as_indices


class Oracle:
    """Gives labels away, and counts. The engine alone may `audit`, for diagnostics after the picks are recorded."""

    def __init__(self, labels: np.ndarray):
        self.__labels = as_indices(labels)
        self.revealed = 0

    def reveal(self, indices: np.ndarray) -> np.ndarray:
        """Labels of `indices`, (n,) int64; each one counts as bought."""
        self.revealed += len(indices)
        return self.__labels[indices].copy()

    def audit(self, indices: np.ndarray) -> np.ndarray:
        """Labels of `indices` that are not bought: for diagnostics (P1 Fig. 8) and the balanced start rule only."""
        return self.__labels[indices].copy()
