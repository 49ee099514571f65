"""Core-set (Sener & Savarese 2018, algorithm 1): greedy k-center on the penultimate features, all labelled items as centres.

P1 and P2 run the greedy form; the authors' mixed-integer refinement is not built.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from altool.core.strategy import Context, Picks, Strategy
from altool.strategies._kcenter import k_center_greedy, nearest_squared


class Features(NamedTuple):
    """`nearest_N`: squared distance of each candidate to its nearest labelled item."""

    candidates_N_D: Tensor
    labelled_L_D: Tensor
    nearest_N: Tensor

    @staticmethod
    def of(points_P_D: Tensor, n_candidates: int) -> "Features":
        """Of candidates, then labelled items."""
        candidates, labelled = points_P_D[:n_candidates], points_P_D[n_candidates:]
        return Features(candidates, labelled, nearest_squared(candidates, labelled))


@dataclass(frozen=True)
class CoreSet(Strategy):
    """Two passes' worth of features (candidates and labelled); picks cost O(n · D) each, memory O(N · D)."""

    wants = frozenset({"embedding"})
    pointwise = True

    def fit(self, context: Context) -> Features:
        both = np.concatenate([context.candidates, context.labelled])
        embedding = context.probe(both, ["embedding"])["embedding"]
        return Features.of(embedding, len(context.candidates))

    def score(self, context: Context, fitted: Features) -> Tensor:
        """Distance to the nearest labelled item, before any pick."""
        return fitted.nearest_N.sqrt()

    def select(self, context: Context, fitted: Features, scores: np.ndarray, n: int) -> Picks:
        positions, distances = k_center_greedy(
            fitted.candidates_N_D, fitted.labelled_L_D, n, fitted.nearest_N
        )
        return Picks(context.candidates[positions.cpu().numpy()], distances.cpu().numpy())
