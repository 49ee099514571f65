"""Random sampling without replacement: the baseline that all others are measured against.

The released TA-VAAL code draws with replacement, so that its baseline gets 13 to 26 % fewer distinct images (D14, T22).
`replacement: true` does the same.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from altool.core.errors import UserError
from altool.core.strategy import Context, Picks, Strategy

RELEASED_SUBSET = 10_000


@dataclass(frozen=True)
class Random(Strategy):
    """Uniform scores, one per dataset index. `replacement`: as released, see `_select_with_replacement`."""

    pointwise = True
    dense = True

    replacement: bool = False

    @property
    def buys_duplicates(self) -> bool:
        return self.replacement

    def score(self, context: Context, fitted: Any) -> np.ndarray:
        draws = context.streams.numpy("strategy", "random").random(int(context.candidates.max()) + 1)
        return draws[context.candidates]

    def select(self, context: Context, fitted: Any, scores: np.ndarray, n: int) -> Picks:
        if self.replacement:
            return _select_with_replacement(context, n)
        return super().select(context, fitted, scores, n)


def _select_with_replacement(context: Context, n: int) -> Picks:
    """The released loop (facts.md D14): of the list of what is thought unlabelled, shuffled, the first 10,000 are drawn
    again with replacement; the last n draws are bought, the others stay on the list in place of the 10,000. The list is
    carried from stage to stage, with what is on it twice and without what was lost."""
    rng = context.streams.numpy("strategy", "random")
    thought_unlabelled = rng.permutation(context.carry.get("thought_unlabelled", context.unlabelled))
    subset, rest = np.split(thought_unlabelled, [RELEASED_SUBSET])
    if len(subset) < n:
        raise UserError(f"the pool of strategy.replacement=true holds {len(subset)}, fewer than budget.step.")
    drawn = subset[rng.integers(len(subset), size=len(subset))]
    remaining = np.concatenate([drawn[:-n], rest])
    return Picks(drawn[-n:], np.zeros(n), {"thought_unlabelled": remaining})
