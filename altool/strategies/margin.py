"""Margin sampling: the smallest gap between the two highest probabilities first (Scheffer et al. 2001)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Strategy
from altool.strategies._probabilities import of_candidates, one_minus_margin


@dataclass(frozen=True)
class Margin(Strategy):
    """One pass over the candidates, O(N) memory."""

    wants = frozenset({"logits"})
    pointwise = True

    def score(self, context: Context, fitted: Any) -> Tensor:
        return of_candidates(one_minus_margin, context)
