"""The quantities that the papers speak of, by cell: some stand in stages.csv, some are derived from what a run recorded.

accuracy, miou, class_entropy, …   as metric.py has them; val_ before it: on the validation split
error                  100 − accuracy, in % (P3 Fig. 5)
rare_share             labelled items of the classes that the imbalance made rare, in % (P2 Figs. 4, 7)
rare_share_gain        rare_share over that of the start set, in pp
query_seconds          all that a query costs; selecting_seconds: without the strategy's own training (P1 4.2)
discriminator_spread   standard deviation of the discriminator's outputs over the candidates (P0 Fig. 7, P1 Fig. 7b)
picked_loss_rank       mean percentile of the picks' true losses among the candidates': 50 as any (P1 Fig. 8)
boundary_distance      mean distance of the picked points to the oracle's decision boundary (P1 Fig. 1)
pick_spread            mean distance between two picked points (P1 Fig. 1)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import percentileofscore

from altool.analysis import plane
from altool.analysis.metric import METRICS
from altool.analysis.read import planned_labels
from altool.analysis.study import Study, StudyCell

ORACLE = "All labels"  # label of the cell whose last model draws P1 Fig. 1's boundary
NAN = float("nan")
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """One row of stages.csv with what lies beside it. `start`: the row of the same seed's stage 0, {} without one."""

    study: Study
    cell: StudyCell
    row: Mapping[str, Any]
    start: Mapping[str, Any]

    @cached_property
    def arrays(self) -> Arrays:
        return self.study.arrays(self.cell, self.row["seed"], self.row["stage"])


def values(study: Study, cell: StudyCell, quantity: str) -> pd.DataFrame:
    """Rows: the labels of every planned stage; columns: seeds; printed units, nan where nothing was measured."""
    rows = [
        r for r in study.stages.to_dict("records") if (r["label"], r["panel"]) == (cell.label, cell.panel)
    ]
    starts = {row["seed"]: row for row in rows if row["stage"] == 0}
    measure = DERIVED.get(quantity) or _column(quantity)
    table = pd.DataFrame(index=planned_labels(cell.folder) or sorted({row["n_labelled"] for row in rows}))
    if quantity in ON_QUERY:
        table = table.iloc[:-1]  # the last model buys nothing
    for row in rows:
        if row["n_labelled"] in table.index:
            stage = Stage(study, cell, row, starts.get(row["seed"], {}))
            table.loc[row["n_labelled"], row["seed"]] = measure(stage)
    return table


def _column(name: str) -> Callable[[Stage], float]:
    metric = METRICS[name.removeprefix("val_")]
    return lambda stage: float(stage.row.get(name, NAN)) * metric.scale


def _rare_share(stage: Stage) -> float:
    return _rare_in(stage, stage.row)


def _rare_share_gain(stage: Stage) -> float:
    return _rare_in(stage, stage.row) - (_rare_in(stage, stage.start) if stage.start else NAN)


def _rare_in(stage: Stage, row: Mapping[str, Any]) -> float:
    """In %; nan for imbalances that name no classes."""
    rule = stage.study.config(stage.cell, row["seed"]).get("imbalance") or {}
    counts = np.array([int(count) for count in row["class_counts"].split(";")])
    named = np.isin(np.arange(len(counts)), rule.get("classes") or [])
    if rule.get("rule") not in ("cut", "cut_others"):
        return NAN
    return 100 * float(counts[named if rule["rule"] == "cut" else ~named].sum() / counts.sum())


def _selecting_seconds(stage: Stage) -> float:
    return float(stage.row["score_seconds"]) + float(stage.row["select_seconds"])


def _discriminator_spread(stage: Stage) -> float:
    outputs = stage.arrays.get("discriminator_candidates")
    return NAN if outputs is None else float(outputs.std())


def _picked_loss_rank(stage: Stage) -> float:
    if not {"true_losses", "candidates", "picks"} <= set(stage.arrays):
        return NAN
    losses = stage.arrays["true_losses"]
    picked = losses[np.isin(stage.arrays["candidates"], stage.arrays["picks"])]
    return float(np.mean(percentileofscore(losses, picked, kind="mean")))


def _pick_spread(stage: Stage) -> float:
    return plane.pairwise_distance(_picked_points(stage.arrays))


def _boundary_distance(stage: Stage) -> float:
    same = (c for c in stage.study.cells if c.label == ORACLE and c.panel == stage.cell.panel)
    oracle = next(same, None)
    grid = stage.study.arrays(oracle, stage.row["seed"], oracle.stages - 1) if oracle else {}
    picked = _picked_points(stage.arrays)
    if "grid_probs" not in grid or not len(picked):
        return NAN
    lines = plane.boundary(grid["grid_x"], grid["grid_y"], grid["grid_probs"])
    return float(plane.boundary_distances(picked, lines).mean())


def _picked_points(arrays: Arrays) -> np.ndarray:
    """(n, 2); none where no points or no picks were recorded."""
    if not {"points", "point_indices", "picks"} <= set(arrays):
        return np.empty((0, 2))
    return arrays["points"].astype(float)[np.isin(arrays["point_indices"], arrays["picks"])]


ON_QUERY = ("query_seconds", "selecting_seconds")
DERIVED: dict[str, Callable[[Stage], float]] = {
    "error": lambda stage: 100 - 100 * float(stage.row["accuracy"]),
    "rare_share": _rare_share,
    "rare_share_gain": _rare_share_gain,
    "query_seconds": lambda stage: float(stage.row["query_seconds"]),
    "selecting_seconds": _selecting_seconds,
    "discriminator_spread": _discriminator_spread,
    "picked_loss_rank": _picked_loss_rank,
    "boundary_distance": _boundary_distance,
    "pick_spread": _pick_spread,
}
