"""One strategy beside another, or beside a number, at one moment: mean, standard error and 95 % interval over seeds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from altool.analysis.moment import Moment
from altool.analysis.statistics import std, t_interval

MARGIN = 1.0  # what is comparable where a claim states no margin of its own: a point of accuracy, as the papers round
WANT_AN_INTERVAL = ("<<", ">>", "~")  # relations that one seed can never decide
AGREES, DIFFERS, NOT_RESOLVED, NOT_MEASURED = "agrees", "differs", "not resolved", "not measured"


@dataclass(frozen=True)
class Comparison:
    """`where`: who with whom; `moment`: when; `n`: seeds (pairs of them), 0 where nothing was measured."""

    where: str
    moment: str
    mean: float
    se: float
    low: float
    high: float
    n: int

    def verdict(self, relation: str, bound: float) -> str:
        """Order is not resolved while the 95 % interval holds `bound`; one seed has none, so there the sign alone speaks.

        "Not above" and "not below" hold with the mean, and differ only beyond the interval: that a difference was not found
        is all that they say. "Comparable", whose `bound` is the margin, is a test of equivalence (Schuirmann 1987, with the
        95 % interval in place of his 90 %, one interval for all verdicts): it agrees where the whole interval lies within
        the margin, differs where all of it lies outside. Nothing measured, or one seed where an interval is needed: not
        measured.
        """
        if self.n == 0 or (self.n == 1 and relation in WANT_AN_INTERVAL):
            return NOT_MEASURED
        if relation == "~":
            if max(abs(self.low), abs(self.high)) <= bound:
                return AGREES
            return DIFFERS if self.low > bound or self.high < -bound else NOT_RESOLVED
        margin = self.margin(relation, bound)
        if relation.endswith("=") and margin >= 0:
            return AGREES
        if self.n > 1 and self.low <= bound <= self.high:
            return NOT_RESOLVED
        return AGREES if margin > 0 else DIFFERS

    def margin(self, relation: str, bound: float) -> float:
        """How far from failing, below 0 where it fails: the smallest decides."""
        if relation == "~":
            return bound - abs(self.mean)
        return (self.mean - bound) * (-1 if relation.startswith("<") else 1)


def compare(
    where: str, ours: pd.DataFrame, theirs: pd.DataFrame | None, moment: Moment, *, ratio: bool = False
) -> list[Comparison]:
    """At each stage of `moment`, or once where their mean is meant. Frames: a row per number of labels, a column per
    (panel, seed); only columns that both have count. `ratio`: ours over theirs instead of the difference."""
    table = ours
    if theirs is not None:
        ours, theirs = ours.align(theirs, join="inner")
        table = ours / theirs if ratio else ours - theirs
    if moment.averaged:
        # a seed that lacks a stage has no mean over all of them
        means = table.reindex(list(moment.stages)).mean(axis=0, skipna=False)
        return [_comparison(where, moment.text, means.to_numpy(float))]
    rows = table.reindex(list(moment.stages))
    return [
        _comparison(where, f"{stage:,} labelled", row.to_numpy(float))
        for stage, (_, row) in zip(moment.stages, rows.iterrows(), strict=True)
    ]


def _comparison(where: str, moment: str, values_S: np.ndarray) -> Comparison:
    interval = t_interval(values_S)
    se = std(values_S) / np.sqrt(interval.n) if interval.n > 1 else float("nan")
    return Comparison(where, moment, interval.mean, float(se), interval.low, interval.high, interval.n)
