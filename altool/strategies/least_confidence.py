"""Least confidence: the lowest top probability first (Lewis & Gale 1994)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Strategy
from altool.strategies._probabilities import least_confidence, scores


@dataclass(frozen=True)
class LeastConfidence(Strategy):
    """One pass over the candidates, O(N) memory."""

    wants = frozenset({"logits"})
    pointwise = True

    def score(self, context: Context, fitted: Any) -> Tensor:
        return scores(context, least_confidence)
