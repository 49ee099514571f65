"""What each method buys on imbalanced moons, beside the oracle's decision boundary (P1 Fig. 1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from altool.analysis import plane, statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views import _plane
from altool.analysis.views._cells import (
    Recorded,
    Shown,
    by_panel,
    must_have,
    n_text,
    of_panel,
    recorded,
    shown,
    slug,
)
from altool.core.errors import UserError

NEEDED = ("picks", "points", "point_indices", "grid_probs")
ASK_FOR = "diagnostics.arrays=true (diagnostics.final=true for the last stage), on 2-D points"
COLUMNS = 3
GREY_PICK = {"marker": "x", "color": style.BLACK, "markersize": 3.6, "markeredgewidth": 1.0}


def view(
    study: Study,
    oracle: str = "All labels",
    stage: int | str = "last",
    seed: int | None = None,
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """Per panel: one seed's points by class, the picks of `stage` as crosses, the boundary of the model of the cell
    `oracle`, which is fitted on all labels, dashed. The table is over all seeds that both have: how far from that
    boundary the picks are, and how far from each other (mean distance to the nearest other pick)."""
    outputs = []
    for panel, cells in by_panel(shown(study)).items():
        truth = {
            r.seed: r for one in cells if one.label == oracle for r in recorded(study, one, ["grid_probs"])
        }
        found = {
            one.label: recorded(study, one, NEEDED, stage, [s for s in one.seeds if s in truth])
            for one in cells
            if one.label != oracle
            and (strategies is None or {one.label, one.cell.strategy} & set(strategies))
        }
        cells = [one for one in cells if found.get(one.label)]
        if not cells:
            continue
        lines = {s: _boundary(r) for s, r in truth.items()}
        table = pd.DataFrame([_row(one.label, found[one.label], lines) for one in cells]).assign(panel=panel)
        chosen = {
            one.label: (
                one,
                next((r for r in found[one.label] if seed in (None, r.seed)), found[one.label][0]),
            )
            for one in cells
        }
        picks = pd.concat([_picks(label, run, lines) for label, (_, run) in chosen.items()])
        run = next(iter(chosen.values()))[1]
        caption = of_panel(f"Picks at {run.n_labelled} labels, seed {run.seed}", panel)
        figure = _draw(study, chosen, lines)
        outputs.append(
            Output(slug("boundary", panel), "figure", figure, picks.assign(panel=panel), f"{caption}.")
        )
        caption = of_panel("Distance of the picks to the oracle's boundary and to each other", panel)
        caption += f", {n_text(table['n'].tolist())}."
        outputs.append(Output(slug("boundary_distances", panel), "table", None, table, caption))
    if not outputs and oracle not in {cell.label for cell in study.cells}:
        raise UserError(f"{study.name} has no cell {oracle}: the boundary is its model's.")
    must_have(study, outputs, "picks in the plane beside the oracle's boundary", ASK_FOR)
    return outputs


def _boundary(run: Recorded) -> list[np.ndarray]:
    return plane.boundary(*(run.arrays[key] for key in ("grid_x", "grid_y", "grid_probs")))


def _picks(label: str, run: Recorded, lines: dict[int, list[np.ndarray]]) -> pd.DataFrame:
    where = _plane.at(run, run.arrays["picks"])
    return pd.DataFrame(
        {
            "label": label,
            "seed": run.seed,
            "stage": run.stage,
            "index": run.arrays["picks"],
            "x": where[:, 0],
            "y": where[:, 1],
            "distance": plane.boundary_distances(where, lines[run.seed]),
        }
    )


def _row(label: str, runs: Sequence[Recorded], lines: dict[int, list[np.ndarray]]) -> dict[str, object]:
    per_seed = [_picks(label, run, lines) for run in runs]
    distance_S = np.array([picks["distance"].mean() for picks in per_seed])
    spread_S = np.array([plane.nearest_distance(picks[["x", "y"]].to_numpy(float)) for picks in per_seed])
    pool_S = np.array(
        [plane.boundary_distances(run.arrays["points"].astype(float), lines[run.seed]).mean() for run in runs]
    )
    return {
        "label": label,
        "distance_mean": statistics.mean(distance_S),
        "distance_std": statistics.std(distance_S),
        "pool_distance_mean": statistics.mean(pool_S),
        "nearest_pick_mean": statistics.mean(spread_S),
        "nearest_pick_std": statistics.std(spread_S),
        "n": len(runs),
    }


@styled()
def _draw(
    study: Study, chosen: dict[str, tuple[Shown, Recorded]], lines: dict[int, list[np.ndarray]]
) -> Figure:
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, grid = new(rows, columns, height=rows * (0.2 + style.COLUMN_INCHES / columns))
    for axes in grid.flat[len(chosen) :]:
        axes.set_visible(False)
    for axes, (label, (one, run)) in zip(grid.flat, chosen.items(), strict=False):
        a = run.arrays
        known, labels = _plane.labelled(study, one, run)
        every = a.get("point_labels", np.full(len(a["points"]), -1))
        _plane.draw_points(axes, a["points"], every, _plane.P1_CLASSES, **FAINT)
        _plane.draw_points(axes, _plane.at(run, known), labels, _plane.P1_CLASSES, **FULL)
        for line in lines[run.seed]:
            axes.plot(*line.T, color=style.BLACK, linestyle=style.DASHED, linewidth=0.9)
        axes.plot(*_plane.at(run, a["picks"]).T, linestyle="none", **GREY_PICK)
        axes.set_title(label, fontsize=7, pad=2)
        _plane.bare(axes, a["grid_x"], a["grid_y"])
    legend_below(figure, *_legend(), notes=[f"One seed: {next(iter(chosen.values()))[1].seed}"], dashes=1.6)
    return figure


FAINT = {"markersize": 1.6, "alpha": 0.4, "markeredgewidth": 0}
FULL = {"markersize": 2.6, "markeredgewidth": 0.3, "markeredgecolor": style.BLACK}


def _legend() -> tuple[list[Line2D], list[str]]:
    marks = [{**_plane.P1_CLASSES[k], **FULL, "markersize": 3.6} for k in (0, 1)]
    handles = [Line2D([], [], linestyle="none", **mark) for mark in [*marks, GREY_PICK]]
    handles.append(Line2D([], [], color=style.BLACK, linestyle=style.DASHED, linewidth=0.9))
    return handles, ["Class 0", "Class 1", "Selected", "Oracle boundary"]
