"""Means over seeds as tidy tables, and what a finished command leaves in its cell's folder."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from altool.analysis.curves import Curve, Panel, panels
from altool.analysis.metric import METRICS
from altool.analysis.plot import main_plot
from altool.analysis.read import find_seed_folders, read_stages
from altool.analysis.statistics import mean, std, t_interval
from altool.core.atomic import write_text_atomic
from altool.core.errors import UserError
from altool.core.records import read_rows, table_text

log = logging.getLogger(__name__)


def summary_frame(
    paths: Sequence[Path], metric: str = "accuracy", relative_to: str | None = None
) -> pd.DataFrame:
    """One row per configuration and stage, raw values as in stages.csv (accuracy 0 to 1).

    Columns: dataset, imbalance, learner, strategy, compat, overrides (`key=value, …`), label,
    metric, relative_to, stage, n_labelled, mean, std (n − 1), n, aubc_mean, aubc_std, aubc_n (seeds
    that have every stage); of smoke runs also stamp. With `relative_to` the values are differences paired by seed, and low
    and high bound their 95 % t interval.
    """
    found = panels(read_stages(paths), metric, relative_to)
    rows = [row for panel in found for curve in panel.curves for row in _rows(panel, curve)]
    return pd.DataFrame(rows)


def _rows(panel: Panel, curve: Curve) -> list[dict[str, object]]:
    variant = curve.variant
    areas_S = curve.aubc_S
    about = {
        "dataset": panel.dataset,
        "imbalance": panel.imbalance,
        "learner": panel.learner,
        "strategy": variant.strategy,
        "compat": variant.compat,
        "overrides": ", ".join(f"{k}={v}" for k, v in sorted(variant.overrides.items())),
        "label": curve.label,
        "metric": panel.metric.column,
        "relative_to": panel.relative_to,
        **({"stamp": panel.stamp} if panel.stamp else {}),
    }
    area = {
        "aubc_mean": mean(areas_S),
        "aubc_std": std(areas_S),
        "aubc_n": int(np.isfinite(areas_S).sum()),
    }
    rows: list[dict[str, object]] = []
    for (stage, n_labelled), values_S in zip(curve.values.index, curve.values_TS, strict=True):
        point = {
            "stage": int(stage),
            "n_labelled": int(n_labelled),
            "mean": mean(values_S),
            "std": std(values_S),
        }
        interval = t_interval(values_S)
        bounds = {"low": interval.low, "high": interval.high} if panel.relative_to else {}
        rows.append({**about, **point, **bounds, "n": interval.n, **area})
    return rows


def write_cell_summary(cell_folder: Path) -> list[Path]:
    """Writes summary.csv (mean and std over the seeds by stage) and curve.png into a cell's folder, or
    curve_miou.png where a task is dense.

    Runs that are not done count as far as they are; nothing is written, and [] returned, before the
    first stage. A curve.png that altool did not make is left alone, with a warning.
    """
    folders = find_seed_folders([cell_folder])
    if not any(read_rows(folder / "stages.csv") for folder in folders):
        return []
    stages = read_stages([cell_folder])
    rows = []
    for (stage, n_labelled), group in stages.groupby(["stage", "n_labelled"]):  # type: ignore[misc]
        row: dict[str, object] = {
            "stage": int(stage),
            "n_labelled": int(n_labelled),
            "n_seeds": len(group),
        }
        for name in METRICS:
            values = group[name].to_numpy(float) if name in group else np.empty(0)
            row[f"{name}_mean"] = _or_none(mean(values))
            row[f"{name}_std"] = _or_none(std(values))
        rows.append(row)
    path = cell_folder / "summary.csv"
    write_text_atomic(path, table_text(rows, rows[0]))
    try:
        return [path, *main_plot([cell_folder], metric=judged_by(stages))]
    except UserError as error:
        log.warning("%s", error)
        return [path]


def judged_by(stages: pd.DataFrame) -> str:
    """What a task is judged by: the mean IoU where it is dense (P1 Fig. 5), else the accuracy."""
    return (
        "miou" if "miou" in stages and bool(np.isfinite(stages["miou"].to_numpy(float)).any()) else "accuracy"
    )


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None
