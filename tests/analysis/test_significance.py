"""Tests on paired differences against SciPy and against every sign there is."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from altool.analysis.significance import enough_pairs, holm, paired_t_p, smallest_p, warning

DIFFERENCES = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=2, max_size=10)
PS = st.lists(st.floats(0, 1), max_size=7)


@settings(max_examples=60, deadline=None)
@given(DIFFERENCES)
def test_the_p_of_a_paired_t_test(differences):
    d = np.array(differences)
    if np.ptp(d) > 1e-6:  # scipy warns where all differences are equal
        assert paired_t_p(d) == pytest.approx(stats.ttest_1samp(d, 0)[1], abs=1e-12)


def test_p_without_spread_and_without_pairs():
    assert paired_t_p(np.array([0.0, 0.0, np.nan])) == 1.0
    assert paired_t_p(np.array([0.5, 0.5])) == 0.0
    assert math.isnan(paired_t_p(np.array([0.5]))) and math.isnan(paired_t_p(np.array([np.nan, 0.5])))


@pytest.mark.parametrize("n", range(1, 9))
def test_the_smallest_p_is_that_of_all_sign_patterns(n):
    sizes = np.arange(1, n + 1)
    sums = [abs(np.dot(signs, sizes)) for signs in itertools.product((-1, 1), repeat=n)]
    extreme = np.mean(
        np.array(sums) >= sizes.sum()
    )  # Wilcoxon's W at its most extreme, every pattern equally likely
    assert smallest_p(n) == pytest.approx(extreme)
    if n > 1:
        assert smallest_p(n) == pytest.approx(stats.wilcoxon(sizes, method="exact")[1])
    assert smallest_p(n) == pytest.approx(float(stats.binomtest(n, n).pvalue))


def test_how_many_pairs_are_enough():
    assert enough_pairs() == 6 and smallest_p(5) > 0.05 >= smallest_p(6)
    assert enough_pairs(0.25) == 3 and enough_pairs(0.01) == 8


def test_warnings():
    assert warning(6) == ""
    assert "cannot go below p = 0.5 (6 seeds: 0.03125)" in warning(2)
    assert "n = 1: no test" in warning(1)


@settings(max_examples=100, deadline=None)
@given(PS, st.floats(0.001, 0.2))
def test_holm_rejects_what_stepping_down_rejects(ps, alpha):
    """Holm as it is told: go through the p values from the smallest, stop at the first above alpha / those left."""
    rejected: set[int] = set()
    for step, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        if ps[i] > alpha / (len(ps) - step):
            break
        rejected.add(i)
    adjusted = holm(np.array(ps, float))
    edge = [i for i, p in enumerate(adjusted) if math.isclose(p, alpha)]  # rounding decides there
    assert {i for i, p in enumerate(adjusted) if p <= alpha} - {*edge} == rejected - {*edge}
    assert all(a >= p for a, p in zip(adjusted, ps, strict=True))


def test_holm_by_hand_and_past_what_was_not_tested():
    adjusted = holm(np.array([0.04, np.nan, 0.01, 0.03]))
    # 3·0.01; 2·0.03; max(0.06, 1·0.04)
    assert adjusted[[2, 3, 0]] == pytest.approx([0.03, 0.06, 0.06])
    assert math.isnan(adjusted[1]) and len(holm(np.array([]))) == 0
