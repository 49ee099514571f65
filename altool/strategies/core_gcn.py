"""CoreGCN (Caramalau et al., CVPR 2021): greedy k-center on the graph network's hidden features and its logit.

TA-VAAL's copy of the code takes the unit features instead (facts.md 1.4); `space: raw` does the same.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from altool.core.strategy import Context, Picks
from altool.strategies._kcenter import k_center_greedy, nearest_squared
from altool.strategies.uncertain_gcn import UncertainGCN


class Points(NamedTuple):
    candidates_N_D: Tensor
    labelled_L_D: Tensor


@dataclass(frozen=True)
class CoreGCN(UncertainGCN):
    """Options of `UncertainGCN` but `target`, and `space`."""

    space: Literal["hidden", "raw"] = "hidden"

    def fit(self, context: Context) -> Points:  # type: ignore[override]
        n = len(context.candidates)
        if self.space == "hidden":
            graph = super().fit(context)
            points = torch.cat([graph.hidden, graph.logits[:, None]], 1)  # as released
        else:
            both = np.concatenate([context.candidates, context.labelled])
            points = F.normalize(context.probe(both, ["embedding"])["embedding"], dim=1)
        return Points(points[:n], points[n:])

    def score(self, context: Context, fitted: Points) -> Tensor:  # type: ignore[override]
        return nearest_squared(*fitted).sqrt()

    def select(self, context: Context, fitted: Points, scores: np.ndarray, n: int) -> Picks:
        positions, distances = k_center_greedy(*fitted, n)
        return Picks(context.candidates[positions.cpu().numpy()], distances.cpu().numpy())
