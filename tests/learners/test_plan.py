"""A stage's randomness as data: permutations, crops and flips with the right laws, equal for equal streams."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from altool.core.batches import batch_bounds
from altool.core.streams import Streams
from altool.learners.plan import StagePlan, draw_plan

CPU = torch.device("cpu")


def plan_of(n: int, epochs: int, size: int = 8, pad: int = 4, flip: bool = True, seed: int = 0) -> StagePlan:
    return draw_plan(n, epochs, size, pad, flip, Streams(seed, 1), CPU)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 300), st.integers(1, 70))
def test_batches_cover_everything_but_a_last_single_item(n, size):
    bounds = batch_bounds(n, size)
    covered = [i for start, stop in bounds for i in range(start, stop)]
    left_out = n - len(covered)
    assert covered == list(range(len(covered)))
    assert left_out == (1 if n > 1 and size > 1 and n % size == 1 else 0)
    lengths = [stop - start for start, stop in bounds]
    assert all(length == size for length in lengths[:-1]) and 1 <= lengths[-1] <= size
    assert size == 1 or n == 1 or lengths[-1] > 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 20), st.integers(0, 5))
def test_each_epoch_is_a_permutation_cut_into_batches(n, epochs, size, pad):
    plan = plan_of(n, epochs, size, pad)
    assert plan.epochs == epochs and plan.positions.shape == plan.dy.shape == plan.dx.shape == (epochs, n)
    assert torch.equal(plan.positions.sort(dim=1).values, torch.arange(n).expand(epochs, n).int())
    assert int(torch.stack([plan.dy, plan.dx]).max()) <= 2 * pad
    for epoch in range(epochs):
        batches = list(plan.batches(epoch))
        assert len(batches) == plan.steps_per_epoch
        for name in ("positions", "dy", "dx", "flip"):
            rows = torch.cat([getattr(batch, name) for batch in batches])
            assert torch.equal(rows, getattr(plan, name)[epoch, : len(rows)])


def test_epochs_are_shuffled_anew_and_evenly():
    """Each of 6 items comes first in a sixth of 6,000 epochs; the same for last."""
    positions = plan_of(6, 6000).positions
    for column in (0, -1):
        assert stats.chisquare(np.bincount(positions[:, column], minlength=6)).pvalue > 1e-3


@pytest.mark.parametrize("pad", [1, 2, 4])
def test_offsets_are_uniform_and_independent(pad):
    plan = plan_of(100, 300, pad=pad)
    side = 2 * pad + 1
    pairs = plan.dy.long().flatten() * side + plan.dx.long().flatten()
    counts = np.bincount(pairs, minlength=side**2)
    assert len(counts) == side**2
    assert stats.chisquare(counts).pvalue > 1e-3


def test_half_are_flipped_whatever_their_offset():
    plan = plan_of(100, 300)
    n = plan.flip.numel()
    assert stats.binomtest(int(plan.flip.sum()), n, 0.5).pvalue > 1e-3
    table = [
        [int((plan.flip & (plan.dx == d)).sum()), int((~plan.flip & (plan.dx == d)).sum())] for d in range(9)
    ]
    assert stats.chi2_contingency(table)[1] > 1e-3  # type: ignore[operator]


def test_without_augmentation_nothing_moves():
    plan = plan_of(20, 3, pad=0, flip=False)
    assert not plan.dy.any() and not plan.dx.any() and not plan.flip.any()


def test_equal_streams_give_equal_plans_and_others_do_not():
    def arrays(seed: int, **options: bool) -> list[torch.Tensor]:
        plan = plan_of(50, 2, seed=seed, **options)  # type: ignore[arg-type]
        return [plan.positions, plan.dy, plan.dx, plan.flip]

    same = zip(arrays(3), arrays(3), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert not any(torch.equal(a, b) for a, b in zip(arrays(3), arrays(4), strict=True))
    assert torch.equal(arrays(3)[0], arrays(3, flip=False)[0])  # the order has a stream of its own
