"""Margin sampling: the smallest gap between the two highest probabilities first (Scheffer et al. 2001)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Strategy
from altool.strategies._probabilities import one_minus_margin, scores


@dataclass(frozen=True)
class Margin(Strategy):
    """One pass over the candidates, O(N) memory. Of maps: the average over their pixels."""

    wants = frozenset({"logits"})
    pointwise = True
    dense = True

    def score(self, context: Context, fitted: Any) -> Tensor:
        return scores(context, one_minus_margin)
