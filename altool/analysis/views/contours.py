"""Contours of the posterior before and after a query, a row per method (P3 Figs. 3, 4)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from altool.analysis import style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views import _plane
from altool.analysis.views._cells import (
    Recorded,
    Shown,
    by_panel,
    must_have,
    of_panel,
    recorded,
    shown,
    slug,
)

LEVELS = np.linspace(0, 1, 11)
NEEDED = ("grid_probs", "points", "point_indices")
QUERIED = {"marker": "s", "color": style.GREEN}


def view(
    study: Study,
    stages: Sequence[int] = (0, 1),
    seed: int | None = None,
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """A figure per panel: p(y = 1 | x) in shades, one half as a black line; what the model was fitted on by class, and
    in green what is queried next. One seed; the numbers are the share of the grid that changes class and the accuracy."""
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        found: list[tuple[Shown, list[Recorded]]] = []
        for one in cells:
            per_stage = [
                recorded(study, one, NEEDED, stage, None if seed is None else [seed]) for stage in stages
            ]
            common = set.intersection(*({r.seed for r in runs} for runs in per_stage))
            if common:
                first = min(common)
                found.append((one, [next(r for r in runs if r.seed == first) for runs in per_stage]))
        if not found:
            continue
        frame = pd.DataFrame([row for one, runs in found for row in _rows(study, one, runs)])
        caption = of_panel("Posterior p(y = 1 | x), line: one half", panel)
        caption += f"; seed {found[0][1][0].seed}, stages {', '.join(map(str, stages))}."
        figure = _draw(study, found)
        outputs.append(Output(slug("contours", panel), "figure", figure, frame.assign(panel=panel), caption))
    must_have(study, outputs, "posteriors in the plane", "diagnostics.arrays=true, on 2-D points")
    return outputs


def _rows(study: Study, one: Shown, runs: Sequence[Recorded]) -> list[dict[str, object]]:
    before = _plane.two_classes(study, runs[0]) > _plane.HALF
    accuracy = one.values("accuracy")
    return [
        {
            "label": one.label,
            "seed": run.seed,
            "stage": run.stage,
            "n_labelled": run.n_labelled,
            "accuracy": float(accuracy.loc[(run.stage, run.n_labelled), run.seed]),  # type: ignore[arg-type]
            "area_of_class_1": float((_plane.two_classes(study, run) > _plane.HALF).mean()),
            "area_changed": float(((_plane.two_classes(study, run) > _plane.HALF) != before).mean()),
        }
        for run in runs
    ]


@styled()
def _draw(study: Study, found: Sequence[tuple[Shown, list[Recorded]]]) -> Figure:
    columns = len(found[0][1])
    first = found[0][1][0].arrays
    x, y = first["grid_x"], first["grid_y"]
    side = (style.COLUMN_INCHES - 0.62) / columns
    height = len(found) * (side * (y[-1] - y[0]) / (x[-1] - x[0]) + 0.06) + 0.16
    figure, grid = new(len(found), columns, height=height)
    for row, (one, runs) in zip(grid, found, strict=True):
        row[0].set_ylabel(one.label)
        for axes, run in zip(row, runs, strict=True):
            probs = _plane.two_classes(study, run)
            axes.contourf(x, y, probs, LEVELS, cmap=SHADES, vmin=0, vmax=1)
            axes.contour(x, y, probs, LEVELS[1:-1], colors=style.GREY, linewidths=0.25)
            axes.contour(x, y, probs, [_plane.HALF], colors=style.BLACK, linewidths=1.1)
            known, labels = _plane.labelled(study, one, run)
            _plane.draw_points(axes, _plane.at(run, known), labels, _plane.P3_CLASSES, **MARK)
            if run.stage < runs[-1].stage:
                axes.plot(*_plane.at(run, run.arrays["picks"]).T, linestyle="none", **QUERIED, **MARK)
            _plane.bare(axes, x, y)
            axes.set_aspect("equal")
    for axes, run in zip(grid[0], found[0][1], strict=True):
        axes.set_title(f"{run.n_labelled} labelled", fontsize=7, pad=3)
    shades = figure.colorbar(
        ScalarMappable(cmap=SHADES), ax=grid.ravel().tolist(), shrink=0.8, pad=0.02, aspect=28
    )
    shades.set_label("p(y = 1 | x)", fontsize=7)
    shades.ax.tick_params(labelsize=6, width=0.4, length=2)
    shades.outline.set_linewidth(0.4)  # type: ignore[operator]
    seeds = ", ".join(dict.fromkeys(str(runs[0].seed) for _, runs in found))
    legend_below(figure, *_legend(), notes=[f"One seed of each: {seeds}"], dashes=1.2)
    return figure


# from white to a middle grey: marks and the line stay visible on all of it, and so does the order of shades in print
SHADES = LinearSegmentedColormap.from_list("posterior", ["#FFFFFF", "#8C8C8C"])
MARK = {"markersize": 3.2, "markeredgecolor": style.BLACK, "markeredgewidth": 0.4}


def _legend() -> tuple[list[Line2D], list[str]]:
    marks = [_plane.P3_CLASSES[1], _plane.P3_CLASSES[0], QUERIED]
    handles = [Line2D([], [], linestyle="none", **mark, **MARK) for mark in marks]
    handles.append(Line2D([], [], color=style.BLACK, linewidth=1.1))
    return handles, ["Label 1", "Label 0", "Queried next", "p = 0.5"]
