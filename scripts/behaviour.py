"""What strategies buy, and whether it is what their papers say: one table from finished runs.

    python scripts/behaviour.py outputs --csv behaviour.csv

Means over seeds [95 % t interval], beside the difference to the rival that the paper's claim names, paired by seed.
docs/results/behaviour.md has the commands of the runs, and what they show.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.progress import track

from altool.analysis import behaviour, plane
from altool.analysis.label import Variant
from altool.analysis.queries import Query, read_queries
from altool.analysis.read import read_stages
from altool.config.build import build_cell
from altool.config.load import load
from altool.config.words import parse
from altool.core.atomic import write_text_atomic
from altool.core.errors import UserError
from altool.core.streams import Streams
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.learners.learner import FitRequest

RIVALS = {
    "boundary_distance": ["vaal", "random"],  # P1 4.1, Fig. 1
    "pairwise_distance": ["learning_loss", "random"],
    "nearest_distance": ["learning_loss", "random"],
    "dominant_share": ["random"],  # P2 A.2, Fig. 7
    "rank_correlation": [0.0],
    "rank_of_labelled_over_candidates": [0.0],
    "pseudo_balance": ["ldr"],  # P3 IV-D, Figs. 9 and 10
    "class_balance": ["ldr", "random"],
    "discriminator_accuracy": [0.5],
}
BY_STAGE = [
    "boundary_distance",
    "pairwise_distance",
    "nearest_distance",
    "dominant_share",
    "discriminator_accuracy",
]
DATA_KEYS = ("dataset", "imbalance", "learner")
IMBALANCED = 2  # times as many items of the most frequent class as of the rarest: a set with a dominant class
GRID_NODES, GRID_MARGIN = 400, 0.25  # per side; beyond the points, as a fraction of their extent


def main(paths: list[Path], csv: Path | None) -> int:
    try:
        table = behaviour.compare(pd.DataFrame(observe(paths)), RIVALS, BY_STAGE)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(markdown(table))
    if csv is not None:
        write_text_atomic(csv, table.to_csv(index=False, float_format="%.5g", lineterminator="\n"))
    return 0


def observe(paths: list[Path]) -> list[dict[str, object]]:
    """One row per query and measure, of finished runs."""
    rows: list[dict[str, object]] = []
    stages = read_stages(paths)
    runs = (
        stages.loc[stages["finished"]]
        .groupby(["run", "seed"], sort=False)
        .first()
        .reset_index()
        .to_dict("records")
    )
    if not runs:
        raise UserError("no run here is finished yet; altool status says how they stand.")
    for run in track(runs, "Reading runs", console=Console(stderr=True), transient=True):
        overrides = json.loads(run["overrides"])
        variant = Variant(run["strategy"], run["compat"], overrides, run["budget"], run["cell"])
        options = _words(variant.own())
        about = {
            "dataset": run["dataset"],
            "imbalance": run["imbalance"],
            "setting": _words({"budget": run["budget"], **variant.setting()}),
            "strategy": run["strategy"] + (f" ({options})" if options else ""),
            "seed": run["seed"],
        }
        data = {k: v for k, v in overrides.items() if k.split(".")[0] in DATA_KEYS}
        groups = {key: run[key] for key in DATA_KEYS}
        pool = pool_of(json.dumps({**groups, **data}), run["seed"])
        for query in read_queries(Path(run["folder"])):
            for measure, value in measured(query, pool).items():
                rows.append({**about, "stage": query.stage, "measure": measure, "value": value})
    return rows


@dataclass(frozen=True)
class Pool:
    """What the strategies of one seed chose from. `points_P_D`: None for images; `boundary`: of the oracle, the task
    learner fitted on the whole pool (P1 Fig. 1); `dominant`: the most frequent class, None of a balanced pool."""

    n_classes: int
    points_P_D: np.ndarray | None
    boundary: list[np.ndarray]
    dominant: int | None


@cache
def pool_of(words: str, seed: int) -> Pool:
    """`words`: the keys that name data and learner, as JSON."""
    cell = cell_of(words)
    task = cell.load(seed)
    labels = task.oracle.audit(task.members)
    counts = np.bincount(labels, minlength=task.n_classes)
    dominant = int(counts.argmax()) if counts.max() > IMBALANCED * counts.min() else None
    if task.store.is_image:
        return Pool(task.n_classes, None, [], dominant)
    points = task.store.images(np.arange(len(task.store))).numpy()
    return Pool(task.n_classes, points, oracle_boundary(cell, task, points, seed), dominant)


@cache
def cell_of(words: str) -> Cell:
    typed = [f"{key}={value}" for key, value in json.loads(words).items()]
    return build_cell(*load(parse([*typed, "strategy=random", "device=cpu"])))


def oracle_boundary(cell: Cell, task: Task, points_P_2: np.ndarray, seed: int) -> list[np.ndarray]:
    """Decision boundary of the task learner fitted on all labels of the pool, as polylines."""
    cell.platform.apply()  # its threads: a small net is not shared between cores
    nobody = np.empty(0, np.int64)
    request = FitRequest(
        store=task.store,
        labelled=task.members,
        labels=task.oracle.audit(task.members),
        unlabelled=nobody,
        candidates=nobody,
        n_classes=task.n_classes,
        streams=Streams(seed, 0),
    )
    model = cell.learner.fit(request, None)
    low, high = points_P_2.min(0), points_P_2.max(0)
    margin = GRID_MARGIN * (high - low)
    xs, ys = (np.linspace(a, b, GRID_NODES) for a, b in zip(low - margin, high + margin, strict=True))
    nodes = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float32)
    with torch.no_grad():
        probs = model.logits(torch.from_numpy(nodes)).softmax(1).numpy()
    return plane.boundary(xs, ys, probs.reshape(len(ys), len(xs), -1))


def measured(query: Query, pool: Pool) -> dict[str, float]:
    """All that this query tells; what it cannot tell is left out."""
    found: dict[str, float] = {}
    if pool.points_P_D is not None:
        picks = pool.points_P_D[query.arrays["picks"]]
        found["boundary_distance"] = float(plane.boundary_distances(picks, pool.boundary).mean())
        found["pairwise_distance"] = plane.pairwise_distance(picks)
        found["nearest_distance"] = plane.nearest_distance(picks)
    if len(query.labels):
        found["class_balance"] = behaviour.balance(query.labels, pool.n_classes)
        if pool.dominant is not None:
            found["dominant_share"] = behaviour.share(query.labels, pool.dominant)
    if "ldr_threshold" in query.numbers:
        found |= behaviour.roughness(query, pool.n_classes)
    if "rank_candidates" in query.arrays:
        found |= behaviour.ranking(query)
    for name in ("agreement", "discriminator_accuracy", "kl_per_dimension_candidates"):
        if name in query.numbers:
            found[name] = query.numbers[name]
    return found


def _words(settings: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def markdown(table: pd.DataFrame) -> str:
    parts = []
    for place, rows in table.groupby(behaviour.PLACE, sort=False):
        dataset, imbalance, setting, measure = cast(tuple[str, ...], place)
        data = dataset if imbalance == "none" else f"{dataset}, {imbalance}"
        parts.append(
            f"**{measure}** ({data}; {setting})\n\n| strategy | queries | n | mean | difference | pairs |"
        )
        parts.append("|---|---|--:|--:|--:|--:|")
        parts += [_line(row) for row in rows.to_dict("records")]
        parts.append("")
    return "\n".join(parts)


def _line(row: dict[Any, Any]) -> str:
    cells = [row["strategy"], row["stage"], row["n"], _interval(row["mean"], row["low"], row["high"]), "", ""]
    if pd.notna(row["against"]):
        difference = _interval(row["difference"], row["difference_low"], row["difference_high"], "+")
        cells[-2:] = [f"{difference} to {row['against']}", f"{row['pairs']:.0f}"]
    return f"| {' | '.join(map(str, cells))} |"


def _interval(mean: float, low: float, high: float, sign: str = "") -> str:
    return f"{mean:{sign}.3g} [{low:{sign}.3g}, {high:{sign}.3g}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folders that altool run wrote")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table there")
    typed = parser.parse_args()
    sys.exit(main(typed.paths, typed.csv))
