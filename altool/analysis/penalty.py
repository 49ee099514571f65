"""The pairwise penalty matrix (Ash et al. 2020): how often one strategy beats another beyond doubt.

Here the t tests are paired by seed and Holm-corrected over all pairs of strategies at one stage. Every setting (dataset,
imbalance, learner and what else the runs share) gives 1 / stages for each stage where the row beats the column, so that an
entry lies between 0 and the number of settings.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from altool.analysis.curves import Curve, Panel, setting
from altool.analysis.significance import ALPHA, holm, paired_t_p


@dataclass(frozen=True)
class Penalties:
    """`matrix`: row beats column; `settings`: how many were added up; `pairs`: smallest number of seeds in a test."""

    matrix: pd.DataFrame
    settings: int
    pairs: int


def penalties(panels: Iterable[Panel]) -> Penalties:
    """Of absolute curves; stages after the first query, at which at least two strategies share two seeds."""
    groups: dict[Hashable, list[Curve]] = {}
    sign = 1
    for panel in panels:
        sign = 1 if panel.metric.higher_is_better else -1
        for curve in panel.curves:
            groups.setdefault((panel.title, setting(curve), curve.variant.budget), []).append(curve)
    wins: dict[tuple[str, str], float] = {}
    labels: list[str] = []
    counts: list[int] = []
    settings = 0
    for curves in groups.values():
        found = [_beaten(curves, stage, sign) for stage in _stages(curves)]
        tested = [(pairs, n) for pairs, n in found if n]
        settings += bool(tested)
        counts += [n for _, n in tested]
        if tested:
            labels += [curve.label for curve in curves if curve.label not in labels]
        for pair in (pair for pairs, _ in tested for pair in pairs):
            wins[pair] = wins.get(pair, 0.0) + 1 / len(tested)
    entries = [[wins.get((row, column), 0.0) for column in labels] for row in labels]
    return Penalties(pd.DataFrame(entries, index=labels, columns=labels), settings, min(counts, default=0))


def _stages(curves: Sequence[Curve]) -> list[Hashable]:
    every = {index for curve in curves for index in curve.values.index}
    return sorted(index for index in every if index[0] > 0)


def _beaten(curves: Sequence[Curve], stage: Hashable, sign: int) -> tuple[list[tuple[str, str]], int]:
    """(winner, loser) of every pair that differs at this stage, and the fewest seeds of a test; 0 for none."""
    pairs, ps, means, counts = [], [], [], []
    for one, other in combinations(curves, 2):
        if stage in one.values.index and stage in other.values.index:
            differences = sign * (one.values.loc[stage] - other.values.loc[stage]).dropna().to_numpy(float)
            if len(differences) > 1:
                pairs.append((one.label, other.label))
                ps.append(paired_t_p(differences))
                means.append(differences.mean())
                counts.append(len(differences))
    adjusted = holm(np.array(ps))
    found = [
        pair if centre > 0 else pair[::-1]
        for pair, p, centre in zip(pairs, adjusted, means, strict=True)
        if p < ALPHA
    ]
    return found, min(counts, default=0)
