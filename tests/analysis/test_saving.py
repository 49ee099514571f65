"""Labels saved: by hand, against NumPy's interpolation, and where a curve ends first."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.analysis.saving import Saving, labels_needed, saving_at_the_end, savings_by_stage

N = np.array([100.0, 200.0, 300.0, 400.0])


def close(saving: Saving, labels: float, of: float, bound: str = "") -> bool:
    return (saving.labels, saving.of) == pytest.approx((labels, of)) and saving.bound == bound


def test_at_the_end_by_hand():
    # the baseline ends with 0.8, which ours passes halfway between 200 (0.7) and 300 (0.9)
    ours, baseline = np.array([0.5, 0.7, 0.9, 0.95]), np.array([0.5, 0.6, 0.7, 0.8])
    assert close(saving_at_the_end(N, ours, baseline), 150, 400)
    assert close(saving_at_the_end(N, baseline, baseline), 0.0, 400.0)


def test_at_the_end_of_a_curve_that_does_not_get_there_or_starts_above():
    worse, baseline = np.array([0.5, 0.6, 0.7, 0.79]), np.array([0.5, 0.6, 0.7, 0.8])
    assert close(saving_at_the_end(N, worse, baseline), 0.0, 400.0, "<")
    above = np.array([0.9, 0.9, 0.9, 0.9])
    assert close(saving_at_the_end(N, above, baseline), 300.0, 400.0, ">")


def test_stage_by_stage():
    ours, baseline = np.array([0.45, 0.65, 0.75, 0.9]), np.array([0.5, 0.6, 0.7, 0.8])
    first, second, third, last = savings_by_stage(N, ours, baseline)
    assert close(first, 0.0, 100.0, "<")  # the baseline starts above 0.45
    assert close(second, 50, 250)  # halfway from 0.6 to 0.7
    assert close(third, 50, 350)
    assert close(last, 0.0, 400.0, ">")  # the baseline never sees 0.9


def test_a_curve_that_dips_counts_where_it_gets_there_first():
    assert labels_needed(N, np.array([0.5, 0.7, 0.6, 0.8]), 0.65) == pytest.approx(175.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 0.2), min_size=3, max_size=8), st.floats(0, 1))
def test_rising_curves_against_numpy(steps, where):
    score = 0.1 + np.cumsum(steps)
    n = 100.0 * np.arange(1, len(steps) + 1)
    target = score[0] + where * (score[-1] - score[0])
    assert labels_needed(n, score, target) == pytest.approx(float(np.interp(target, score, n)), abs=1e-6)
