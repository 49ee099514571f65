"""Random: uniform, without replacement (T22)."""

from types import SimpleNamespace
from typing import Any

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


def test_the_released_baseline_loses_what_facts_md_simulated() -> None:
    """D14: of nominally 10,000 labels from 50,000 only about 8,701 are distinct, of 2,000 about 1,948."""
    strategy, members = Random(replacement=True), np.arange(50_000)
    labelled, carry = members[:1000], {}
    distinct = {1000: 1000}
    for stage in range(9):
        context: Any = SimpleNamespace(
            streams=Streams(0, stage),
            carry=carry,
            unlabelled=np.setdiff1d(members, labelled),
            candidates=members[:1],
        )
        picks = strategy.select(context, None, np.zeros(1), 1000)
        labelled, carry = np.concatenate([labelled, picks.indices]), picks.carry or {}
        distinct[len(labelled)] = len(np.unique(labelled))
    assert abs(distinct[2000] - 1948) < 30
    assert abs(distinct[10_000] - 8701) < 120
