"""Entropy sampling: the highest predictive entropy first (Shannon 1948; P3's UNCERTAINTY)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Strategy
from altool.strategies._probabilities import entropy, of_candidates


@dataclass(frozen=True)
class Entropy(Strategy):
    """One pass over the candidates, O(N) memory."""

    wants = frozenset({"logits"})
    pointwise = True

    def score(self, context: Context, fitted: Any) -> Tensor:
        return of_candidates(entropy, context)
