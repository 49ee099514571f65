"""CoreGCN (Caramalau et al., CVPR 2021): greedy k-center on the graph network's hidden features and its logit.

TA-VAAL's copy of the code takes the unit features instead (facts.md 1.4); `space: raw` does the same.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from altool.core.strategy import Context, Picks
from altool.strategies._kcenter import k_center_greedy
from altool.strategies.coreset import Features
from altool.strategies.uncertain_gcn import UncertainGCN


@dataclass(frozen=True)
class CoreGCN(UncertainGCN):
    """Options of `UncertainGCN` but `target`, and `space`."""

    space: Literal["hidden", "raw"] = "hidden"

    def fit(self, context: Context) -> Features:  # type: ignore[override]
        n = len(context.candidates)
        if self.space == "hidden":
            graph = super().fit(context)
            points = torch.cat([graph.hidden, graph.logits[:, None]], 1)  # as released
        else:
            both = np.concatenate([context.candidates, context.labelled])
            points = F.normalize(context.probe(both, ["embedding"])["embedding"], dim=1)
        return Features.of(points, n)

    def score(self, context: Context, fitted: Features) -> Tensor:  # type: ignore[override]
        return fitted.nearest_N.sqrt()

    def select(self, context: Context, fitted: Features, scores: np.ndarray, n: int) -> Picks:
        positions, distances = k_center_greedy(
            fitted.candidates_N_D, fitted.labelled_L_D, n, fitted.nearest_N
        )
        return Picks(context.candidates[positions.cpu().numpy()], distances.cpu().numpy())
