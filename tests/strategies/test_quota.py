"""How many of a query each class gets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altool.core.errors import UserError
from altool.strategies._quota import quotas

weights_of_classes = st.lists(st.floats(0, 10), min_size=1, max_size=8).filter(lambda w: sum(w) > 0.01)


@settings(max_examples=100, deadline=None)
@given(weights_of_classes, st.integers(0, 200), st.integers(0, 2**31))
def test_shares_add_up_and_are_off_by_less_than_one(weights: list[float], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = quotas(dict(enumerate(weights)), np.array([], int), len(weights), n, rng)
    exact = n * np.array(weights) / sum(weights)
    assert shares.sum() == n and shares.min() >= 0
    assert (np.abs(shares - exact) < 1 + 1e-9).all()
    rounded_up = shares > exact + 1e-9
    remainders = exact - np.floor(exact)
    if rounded_up.any() and (~rounded_up).any():  # the largest remainders were
        assert remainders[rounded_up].min() >= remainders[~rounded_up & (remainders < 1 - 1e-9)].max(
            initial=0
        )


def test_by_hand() -> None:
    rng, nobody = np.random.default_rng(0), np.array([], int)
    predicted = np.array([0] * 5 + [2] * 3 + [3] * 2)
    assert quotas("uniform", predicted, 4, 12, rng).tolist() == [3, 3, 3, 3]
    assert quotas("predicted", predicted, 4, 20, rng).tolist() == [10, 0, 6, 4]
    assert quotas({1: 3, 3: 1}, nobody, 4, 8, rng).tolist() == [0, 6, 0, 2]
    assert quotas({0: 0.55, 1: 0.25, 2: 0.2}, nobody, 3, 10, rng).tolist() in ([6, 2, 2], [5, 3, 2])
    assert quotas({0: 0.56, 1: 0.25, 2: 0.19}, nobody, 3, 10, rng).tolist() == [6, 2, 2]


def test_what_is_left_goes_to_classes_at_random() -> None:
    nobody, n_draws = np.array([], int), 400
    shares = np.array([quotas("uniform", nobody, 4, 5, np.random.default_rng(s)) for s in range(n_draws)])
    assert (np.sort(shares, 1) == [1, 1, 1, 2]).all()
    assert ((shares == 2).sum(0) > n_draws / 8).all()


@pytest.mark.parametrize("balance", [{4: 1.0}, {-1: 1.0}, {0: -1.0, 1: 2.0}, {0: 0.0}, {}])
def test_bad_shares(balance: dict[int, float]) -> None:
    with pytest.raises(UserError, match="shares of class ids 0 to 3"):
        quotas(balance, np.array([], int), 4, 8, np.random.default_rng(0))
