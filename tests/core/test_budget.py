"""The budget: what it buys when, what it offers, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.budget import Budget
from altool.core.errors import UserError
from altool.core.streams import Streams


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 12), st.integers(1, 600))
def test_the_advice_for_a_small_pool_fits_and_nothing_larger_does(start, step, stages, pool_size):
    budget = Budget(start, step, stages)
    assert budget.total == start + step * (stages - 1) == budget.labelled_at(stages - 1)
    if budget.total <= pool_size:
        budget.check(pool_size)
        return
    with pytest.raises(UserError) as error:
        budget.check(pool_size)
    if start <= pool_size:
        advised = int(str(error.value).split("budget.stages=")[1].split()[0])
        Budget(start, step, advised).check(pool_size)
        with pytest.raises(UserError):
            Budget(start, step, advised + 1).check(pool_size)


@pytest.mark.parametrize(
    ("candidates", "expected"), [("10x", 200), ("2.5x", 50), (77, 77), ("77", 77), ("all", None)]
)
def test_candidates_are_a_number_a_multiple_or_all(candidates, expected):
    assert Budget(1, 20, 3, candidates).n_candidates == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"start": 0}, "budget.start=0"),
        ({"step": -1}, "budget.step=-1"),
        ({"stages": 0}, "budget.stages=0"),
        ({"candidates": "many"}, "budget.candidates=many"),
        ({"candidates": 4}, "fewer than the 5"),
        ({"start_rule": "lucky"}, "budget.start_rule=lucky"),
    ],
)
def test_bad_budgets_are_refused_by_name(fields, message):
    with pytest.raises(UserError, match=message):
        Budget(**{"start": 10, "step": 5, "stages": 3, **fields})


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 299), min_size=20), st.integers(0, 3), st.integers(0, 4))
def test_candidates_are_paired_wherever_pools_agree(unlabelled, seed, stage):
    """Two strategies whose pools differ in a few items still see the same candidates apart from those items."""
    budget, streams = Budget(5, 2, 3, candidates=10), Streams(seed, stage)
    all_ = np.array(sorted(unlabelled))
    mine = budget.draw_candidates(all_, 300, streams)
    assert len(mine) == 10 and set(mine) <= unlabelled and (np.diff(mine) > 0).all()
    other = budget.draw_candidates(all_[all_ != mine[0]], 300, streams)
    assert set(mine) - set(other) == {mine[0]} and len(set(other) - set(mine)) <= 1


def test_candidates_are_drawn_uniformly():
    """Each of 20 items is among 5 candidates in a quarter of 4,000 draws, within five standard errors."""
    budget, items = Budget(1, 5, 2, candidates=5), np.arange(20)
    counts = np.zeros(20)
    for seed in range(4000):
        counts[budget.draw_candidates(items, 20, Streams(seed, 0))] += 1
    assert np.abs(counts / 4000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 4000)


def test_all_means_all():
    assert list(Budget(1, 1, 2, "all").draw_candidates(np.array([4, 2, 9]), 10, Streams(0, 0))) == [2, 4, 9]


def test_the_advice_for_a_start_that_is_too_large_fits():
    with pytest.raises(UserError, match=r"budget\.start=70 at most"):
        Budget(500, 10, 4).check(100)
    Budget(70, 10, 4).check(100)
    with pytest.raises(UserError, match="fewer stages"):
        Budget(500, 60, 4).check(100)
