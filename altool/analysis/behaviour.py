"""What strategies buy, measured on recorded runs: shares of classes, roughness, ranks, and their comparison by seed.

For the papers' claims of behaviour (P1 4.1 and Fig. 1, P2 A.2 and Fig. 7, P3 III and IV-D); `scripts/behaviour.py` puts
the numbers side by side.
"""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import rankdata

from altool.analysis.queries import Query
from altool.analysis.statistics import Interval, t_interval

Rival = str | float  # another strategy, or a fixed number
ALL = "all"  # in place of a stage: the mean over a run's queries
SATURATED = 0.01  # a rank in [0, 1] this near to either end says hardly more than which half it is in
PLACE = ["dataset", "imbalance", "setting", "measure"]
COLUMNS = [*PLACE, "stage", "strategy", "n", "mean", "low", "high"]
COLUMNS += ["against", "pairs", "difference", "difference_low", "difference_high"]


def share(labels_N: np.ndarray, label: int) -> float:
    """Of the items with this label, 0 to 1; nan of none."""
    return float((labels_N == label).mean()) if len(labels_N) else math.nan


def balance(labels_N: np.ndarray, n_classes: int) -> float:
    """Entropy of the classes among the labels over its largest value, log C: 1 when all are equally frequent."""
    if not len(labels_N):
        return math.nan
    p = np.bincount(labels_N, minlength=n_classes) / len(labels_N)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum() / np.log(n_classes) + 0.0)


def roughness(query: Query, n_classes: int) -> dict[str, float]:
    """Of a query of LDR: the LDR of its picks beside that of the candidates (nats), and how balanced the picks are."""
    scores, threshold = query.arrays["scores"], query.numbers["ldr_threshold"]
    picks, median = scores[query.picked], float(np.median(scores))
    return {
        "ldr_of_picks": float(picks.mean()),
        "ldr_median": median,
        "ldr_threshold": threshold,
        "ldr_over_median": float(picks.mean()) - median,
        "ldr_over_threshold": float(picks.mean()) - threshold,
        "share_above_threshold": float((picks > threshold).mean()),
        "pseudo_balance": balance(query.arrays["pseudo_labels"][query.picked], n_classes),
    }


def ranking(query: Query) -> dict[str, float]:
    """Of a query of TA-VAAL: Spearman's correlation of its score with the Ranker's output (nan where one is constant); the
    share of candidates whose rank the sigmoid sends beyond SATURATED; how much higher it ranks labelled items."""
    scores, raw = query.arrays["scores"], query.arrays["rank_candidates"]
    constant = np.ptp(scores) == 0 or np.ptp(raw) == 0
    ranks, labelled = expit(raw), expit(query.arrays["rank_labelled"])
    return {
        "rank_correlation": math.nan
        if constant
        else float(np.corrcoef(rankdata(scores), rankdata(raw))[0, 1]),
        "rank_saturated": float(((ranks < SATURATED) | (ranks > 1 - SATURATED)).mean()),
        "rank_of_labelled_over_candidates": float(labelled.mean() - ranks.mean()),
    }


def compare(
    values: pd.DataFrame, rivals: Mapping[str, Sequence[Rival]], by_stage: Sequence[str] = ()
) -> pd.DataFrame:
    """Means over seeds with their 95 % t interval, and the same of the difference to each rival, paired by seed.

    `values`: columns dataset, imbalance, setting, strategy (options in brackets), seed, stage, measure, value, a row per
    query. `rivals`: by measure, other strategies, or a number such as 0.5 for chance. A run counts with the mean over its
    queries (stage `all`) and, for measures `by_stage`, with each of them. A row per measure, stage, strategy and rival;
    `pairs`: seeds that both have.
    """
    rows: list[dict[str, object]] = []
    for key, group in values.groupby(PLACE, sort=False):
        place = dict(zip(PLACE, cast(tuple[str, ...], key), strict=True))
        tables = {ALL: group}
        if place["measure"] in by_stage:
            tables |= {str(stage): part for stage, part in group.groupby("stage")}
        for stage, table in tables.items():
            by_seed = table.pivot_table(index="seed", columns="strategy", values="value", sort=False)
            rivals_here = [_plainest(r, list(by_seed)) for r in rivals.get(place["measure"], ())]
            for strategy in by_seed:
                own = _columns(t_interval(by_seed[strategy].to_numpy(float)), "n", "mean", "low", "high")
                row = {**place, "stage": stage, "strategy": strategy, **own}
                against = [rival for rival in rivals_here if rival not in (None, strategy)]
                rows += [{**row, **_difference(by_seed, str(strategy), rival)} for rival in against] or [row]
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def _plainest(rival: Rival, strategies: Sequence[str]) -> Rival | None:
    """The rival as it is called here: with the fewest options, where it has some in all runs; None where it is absent."""
    if not isinstance(rival, str):
        return rival
    return min((s for s in strategies if s.split(" (")[0] == rival), key=len, default=None)


def _difference(by_seed: pd.DataFrame, strategy: str, rival: Rival | None) -> dict[str, object]:
    other = by_seed[rival] if isinstance(rival, str) else rival
    interval = t_interval((by_seed[strategy] - other).to_numpy(float))
    return {"against": rival, **_columns(interval, *COLUMNS[-4:])}


def _columns(interval: Interval, n: str, mean: str, low: str, high: str) -> dict[str, object]:
    return {n: interval.n, mean: interval.mean, low: interval.low, high: interval.high}
