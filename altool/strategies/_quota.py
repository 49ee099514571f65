"""How many of a query each class gets."""

from collections.abc import Mapping

import numpy as np

from altool.core.errors import UserError


def quotas(
    balance: str | Mapping[int, float],
    predicted_N: np.ndarray,
    n_classes: int,
    n: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Shares of `n` by class, (C,), summing to n: equal (`uniform`), as the candidates' predicted classes (`predicted`), or
    as given by class id. What does not divide evenly goes to the largest remainders, ties at random."""
    if isinstance(balance, Mapping):
        outside = [c for c in balance if not 0 <= int(c) < n_classes]
        if outside or min(balance.values(), default=0) < 0 or sum(balance.values()) <= 0:
            raise UserError(
                f"strategy.balance={dict(balance)}: shares of class ids 0 to {n_classes - 1}, please."
            )
        weights = np.array([float(balance.get(c, 0.0)) for c in range(n_classes)])
    elif balance == "predicted":
        weights = np.bincount(predicted_N, minlength=n_classes).astype(float)
    else:
        weights = np.ones(n_classes)
    exact = n * weights / weights.sum()
    shares = np.floor(exact).astype(int)
    order = rng.permutation(n_classes)
    largest = order[np.argsort(-(exact - shares)[order], kind="stable")]
    shares[largest[: n - shares.sum()]] += 1
    return shares
