"""Random: uniform, without replacement (T22)."""

import numpy as np
import scipy.stats
import torch

from altool.core.streams import Streams
from altool.strategies.random import Random


def draw(context, n: int) -> np.ndarray:
    scores = np.asarray(Random().score(context, None))
    return Random().select(context, None, scores, n).indices


def test_every_candidate_is_as_likely(context_of) -> None:
    candidates = list(range(3, 123, 3))
    trials, n = 600, 10
    counts = np.zeros(123)
    for stage in range(trials):
        picks = draw(context_of(torch.zeros(123, 1), [0], candidates, streams=Streams(5, stage)), n)
        assert len(set(picks.tolist())) == n
        counts[picks] += 1
    assert counts[candidates].sum() == trials * n
    expected, share = trials * n / len(candidates), n / len(candidates)
    statistic = ((counts[candidates] - expected) ** 2).sum() / (expected * (1 - share))
    assert 1e-3 < scipy.stats.chi2.sf(statistic, len(candidates) - 1) < 1 - 1e-3


def test_seed_and_stage_draw_apart(context_of) -> None:
    items = torch.zeros(200, 1)
    draws = {
        tuple(draw(context_of(items, [0], streams=Streams(seed, stage)), 20))
        for seed in range(4)
        for stage in range(4)
    }
    assert len(draws) == 16


def test_order_does_not_follow_the_index(context_of) -> None:
    picks = draw(context_of(torch.zeros(500, 1), [0]), 499)
    assert abs(np.corrcoef(np.arange(499), picks)[0, 1]) < 0.15
