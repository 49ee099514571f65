"""The few statistics that altool reports."""

from dataclasses import dataclass

import numpy as np
from scipy import integrate, stats

CONFIDENCE = 0.95


def mean(values: np.ndarray) -> float:
    """Of the finite values; nan where there are none."""
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def std(values: np.ndarray) -> float:
    """Over the finite values with n − 1 in the denominator; nan where there is one or none."""
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def aubc(n_labelled_T: np.ndarray, values_T: np.ndarray) -> float:
    """Area under the budget curve by the trapezoid rule over the label range: in the values' unit.

    nan for fewer than two stages or where a stage is missing, since another range is another
    quantity.
    """
    if len(n_labelled_T) < 2 or not np.isfinite(values_T).all():
        return float("nan")
    return float(integrate.trapezoid(values_T, n_labelled_T) / (n_labelled_T[-1] - n_labelled_T[0]))


@dataclass(frozen=True)
class Interval:
    """Mean of n paired differences and its two-sided 95 % t interval; nan bounds for n = 1."""

    mean: float
    low: float
    high: float
    n: int


def t_interval(differences: np.ndarray) -> Interval:
    """Of the finite differences, taken as independent over seeds."""
    d = differences[np.isfinite(differences)]
    centre, n = mean(d), len(d)
    if n < 2:
        return Interval(centre, float("nan"), float("nan"), n)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std(d) / np.sqrt(n)
    return Interval(centre, centre - half, centre + half, n)
