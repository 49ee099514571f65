"""Labels saved: how many fewer a strategy needs than its baseline for the same score, on the mean curves."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Bound = Literal["", ">", "<"]


@dataclass(frozen=True)
class Saving:
    """`labels` saved of the `of` that the baseline has; `bound` ">": at least so many, "<": at most, since a curve ends
    before it gets there; "" where both get there."""

    labels: float
    of: float
    bound: Bound = ""


def labels_needed(n_T: np.ndarray, score_T: np.ndarray, target: float) -> float:
    """Labels at which the straight lines through the curve first reach `target` (higher is better); inf for never, −inf
    where its first stage is there already above it, so that it may have taken fewer."""
    if score_T[0] > target:
        return -np.inf
    reached = np.flatnonzero(score_T >= target)
    if not len(reached):
        return np.inf
    t = int(reached[0])
    if t == 0 or score_T[t] == target:
        return float(n_T[t])
    share = (target - score_T[t - 1]) / (score_T[t] - score_T[t - 1])
    return float(n_T[t - 1] + share * (n_T[t] - n_T[t - 1]))


def saving_at_the_end(n_T: np.ndarray, ours_T: np.ndarray, baseline_T: np.ndarray) -> Saving:
    """Labels that ours needs fewer for the score that the baseline ends with."""
    last = float(n_T[-1])
    needed = labels_needed(n_T, ours_T, float(baseline_T[-1]))
    if needed == np.inf:
        return Saving(0.0, last, "<")
    if needed == -np.inf:
        return Saving(last - float(n_T[0]), last, ">")
    return Saving(last - needed, last)


def savings_by_stage(n_T: np.ndarray, ours_T: np.ndarray, baseline_T: np.ndarray) -> list[Saving]:
    """At every stage of ours: labels that the baseline needs more for the same score; `of`: what it needs."""
    found = []
    for n, score in zip(n_T, ours_T, strict=True):
        needed = labels_needed(n_T, baseline_T, float(score))
        bound: Bound = ">" if needed == np.inf else "<" if needed == -np.inf else ""
        theirs = float(np.clip(needed, n_T[0], n_T[-1]))
        found.append(Saving(theirs - float(n), theirs, bound))
    return found
