"""Tests on paired differences, the correction for making many of them, and when there are too few seeds for any."""

import numpy as np
from scipy import stats

from altool.analysis.statistics import mean, std

ALPHA = 0.05


def paired_t_p(differences: np.ndarray) -> float:
    """Two-sided p of the t test that the finite differences have mean 0; nan for fewer than two."""
    d = differences[np.isfinite(differences)]
    if len(d) < 2:
        return float("nan")
    centre, spread = mean(d), std(d)
    if spread == 0:  # the same difference in every seed: nothing, or beyond any doubt that t can have
        return 1.0 if centre == 0 else 0.0
    return float(2 * stats.t.sf(abs(centre) / (spread / np.sqrt(len(d))), len(d) - 1))


def smallest_p(n: int) -> float:
    """The smallest two-sided p that a sign test or a Wilcoxon test of n pairs can give: all signs equal."""
    return min(1.0, 2.0 ** (1 - n))


def enough_pairs(alpha: float = ALPHA) -> int:
    """How many pairs those tests need to be able to go below `alpha`."""
    n = 1
    while smallest_p(n) > alpha:
        n += 1
    return n


def holm(ps: np.ndarray) -> np.ndarray:
    """Adjusted p values of one family (Holm 1979): below alpha where the family-wise error stays below alpha. nan stays."""
    adjusted = np.full(len(ps), np.nan)
    tested = np.flatnonzero(np.isfinite(ps))
    order = tested[np.argsort(ps[tested], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * ps[order]))
    return adjusted


def warning(n: int) -> str:
    """What to know before trusting a test of n pairs; "" where there are enough."""
    if n >= enough_pairs():
        return ""
    if n < 2:
        return f"n = {n}: no test and no interval."
    return (
        f"n = {n} is small: a sign or Wilcoxon test cannot go below p = {smallest_p(n):g} "
        f"({enough_pairs()} seeds: {smallest_p(enough_pairs()):g}); t intervals and p rest on normality alone."
    )
