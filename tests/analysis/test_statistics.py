"""Against scipy and scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import auc

from altool.analysis.statistics import aubc, mean, std, t_interval

FRACTIONS = st.floats(0, 1, allow_subnormal=False)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(FRACTIONS, FRACTIONS), min_size=2, max_size=12))
def test_the_interval_is_that_of_a_paired_t_test(pairs):
    ours, theirs = np.array(pairs).T
    found = t_interval(ours - theirs)
    assert found.n == len(pairs)
    assert found.mean == pytest.approx(float(np.mean(ours - theirs)), abs=1e-12)
    if np.ptp(ours - theirs) > 1e-6:  # scipy gives nan where all differences are equal
        expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    else:
        assert found.low <= found.high <= found.low + 1e-4


def test_gaps_do_not_count():
    with_gaps = t_interval(np.array([0.01, np.nan, 0.03, np.nan]))
    assert with_gaps == t_interval(np.array([0.01, 0.03]))
    # mean 0.02, std sqrt(2)/100, t(0.975, 1) = tan(0.475 π): half = 12.7062 · 0.0141421 / sqrt(2)
    assert with_gaps.high - with_gaps.mean == pytest.approx(math.tan(0.475 * math.pi) * 0.01)


def test_one_seed_has_no_interval_and_no_std():
    alone = t_interval(np.array([0.02]))
    assert alone.mean == 0.02 and alone.n == 1
    assert math.isnan(alone.low) and math.isnan(alone.high)
    assert math.isnan(std(np.array([0.5, np.nan])))
    assert math.isnan(mean(np.array([np.nan]))) and t_interval(np.array([])).n == 0


def test_std_divides_by_n_minus_one():
    assert std(np.array([1.0, 2.0, 4.0])) == pytest.approx(math.sqrt(7 / 3))


def test_area_by_hand():
    # trapezoids 100·(0.5+0.7)/2 + 300·(0.7+0.9)/2 = 60 + 240 over 400 labels
    assert aubc(np.array([100, 200, 500]), np.array([0.5, 0.7, 0.9])) == pytest.approx(0.75)


@settings(max_examples=30, deadline=None)
@given(st.lists(FRACTIONS, min_size=2, max_size=8), st.integers(1, 500), st.integers(1, 500))
def test_area_against_scikit_learn(values, start, step):
    labels = start + step * np.arange(len(values))
    expected = auc(labels, values) / (labels[-1] - labels[0])
    assert aubc(labels, np.array(values)) == pytest.approx(expected, abs=1e-12)


def test_no_area_without_all_stages_or_with_one():
    assert math.isnan(aubc(np.array([100, 200]), np.array([0.5, np.nan])))
    assert math.isnan(aubc(np.array([100]), np.array([0.5])))
