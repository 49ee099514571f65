"""Entropy sampling: the highest predictive entropy first (Shannon 1948; P3's UNCERTAINTY)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Strategy
from altool.strategies._probabilities import entropy, scores


@dataclass(frozen=True)
class Entropy(Strategy):
    """One pass over the candidates, O(N) memory. Of maps: the average over their pixels."""

    wants = frozenset({"logits"})
    pointwise = True
    dense = True

    def score(self, context: Context, fitted: Any) -> Tensor:
        return scores(context, entropy)
