"""The pool refuses what would corrupt an experiment, and derives the rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.pool import Pool

index_sets = st.sets(st.integers(0, 500), min_size=3, max_size=60)


@settings(max_examples=60, deadline=None)
@given(index_sets, st.randoms(use_true_random=False))
def test_labelled_and_unlabelled_partition_the_members(members, rng):
    order = sorted(members)
    rng.shuffle(order)
    cut = rng.randint(1, len(order) - 1)
    pool = Pool.of(order).acquire(order[:cut], 0)
    middle = rng.randint(0, len(order) - cut)
    pool = pool.acquire(order[cut : cut + middle], 1)
    assert list(pool.labelled) == order[: cut + middle]
    assert set(pool.labelled) | set(pool.unlabelled) == members
    assert not set(pool.labelled) & set(pool.unlabelled)
    assert (np.diff(pool.unlabelled) > 0).all()
    assert list(pool.acquired_for(0)) == order[:cut] and len(pool.acquired_for(1)) == middle
    assert len(pool) == len(members)


@pytest.mark.parametrize(
    ("indices", "stage", "message"),
    [
        ([3, 3], 1, "asked for twice"),
        ([0], 1, "labelled already"),
        ([9], 1, "not in the pool"),
        ([-1], 1, "not in the pool"),
        ([1.5], 1, "integer"),
        ([[1]], 1, "1-D"),
        ([2], -1, "before stage"),
    ],
)
def test_bad_purchases_are_refused_and_change_nothing(indices, stage, message):
    pool = Pool.of([0, 1, 2, 3]).acquire([0], 0)
    with pytest.raises(ValueError, match=message):
        pool.acquire(indices, stage)
    assert list(pool.labelled) == [0] and list(pool.unlabelled) == [1, 2, 3]


@pytest.mark.parametrize("members", [[1, 1], [-1, 2]])
def test_bad_members_are_refused(members):
    with pytest.raises(ValueError, match="pool holds"):
        Pool.of(members)


def test_a_pool_cannot_be_written_to():
    pool = Pool.of([0, 1, 2]).acquire([1], 0)
    for array in (pool.members, pool.acquired, pool.stages):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7
