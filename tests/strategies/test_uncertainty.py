"""Entropy, least confidence and margin, by hand and against scipy."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from altool.strategies._probabilities import entropy, least_confidence, one_minus_margin
from altool.strategies.entropy import Entropy
from altool.strategies.least_confidence import LeastConfidence
from altool.strategies.margin import Margin

PROBS = [[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.7, 0.1], [0.06, 0.46, 0.48]]
LOGITS = torch.tensor(PROBS, dtype=torch.float64).log() + torch.tensor([[3.0], [-2.0], [0.0], [11.0]])
BY_HAND = {
    entropy: [1.5 * math.log(2), math.log(3), 0.801819, 0.878313],
    least_confidence: [0.5, 2 / 3, 0.3, 0.52],
    one_minus_margin: [0.75, 1.0, 0.5, 0.98],
}


@pytest.mark.parametrize("measure", BY_HAND)
def test_by_hand(measure) -> None:
    np.testing.assert_allclose(measure(LOGITS), BY_HAND[measure], atol=1e-6)


def test_entropy_is_scipys() -> None:
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)) * 5
    wanted = scipy.stats.entropy(logits.double().softmax(1).numpy(), axis=1)
    np.testing.assert_allclose(entropy(logits), wanted, rtol=1e-9)


@pytest.mark.parametrize("measure", BY_HAND)
@pytest.mark.parametrize("gaps", [(3.0, 5.0, 8.0), (18.0, 25.0, 33.0), (40.0, 60.0, 90.0, 300.0)])
def test_near_certain_items_keep_their_order(measure, gaps: tuple[float, ...]) -> None:
    """In float32, and as 1 − p even in float64, the last ones would all be 0."""
    values = measure(torch.tensor([[-gap, 0.0, -gap - 1] for gap in gaps], dtype=torch.float32))
    assert (values[:-1] > values[1:]).all() and (values > 0).all()


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(Entropy(), [1, 0, 3, 2]), (LeastConfidence(), [1, 3, 0, 2]), (Margin(), [1, 3, 0, 2])],
)
def test_the_most_uncertain_candidate_comes_first(strategy, order: list[int], context_of) -> None:
    table = torch.zeros(9, 3)
    candidates = [2, 3, 5, 8]
    table[candidates] = LOGITS.float()
    context = context_of(torch.zeros(9, 1), [0, 1], candidates, {"logits": table})
    scores = strategy.score(context, None).numpy()
    picks = strategy.select(context, None, scores, 4)
    assert picks.indices.tolist() == [candidates[position] for position in order]
    assert picks.scores.tolist() == scores[order].tolist()
