"""The point sets themselves (P3 Fig. 2)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from altool.analysis import style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.label import DATASETS
from altool.analysis.study import Output, Study
from altool.analysis.views import _plane
from altool.analysis.views._cells import by_panel, must_have, recorded, shown

COLUMNS = 2
MARK = {"markersize": 2.2, "markeredgewidth": 0}


def view(study: Study) -> list[Output]:
    """One figure, an axes per panel: the pool, by class where the labels were audited, else the bought ones by class."""
    sets: dict[str, pd.DataFrame] = {}
    for panel, cells in by_panel(shown(study)).items():
        for one in cells:
            runs = recorded(study, one, ["points", "point_indices"], seeds=one.seeds[:1])
            if runs and panel not in sets:
                a = runs[0].arrays
                labels = a.get("point_labels", np.full(len(a["points"]), -1))
                known, bought = _plane.labelled(study, one, runs[0])
                if "point_labels" not in a:
                    labels[np.searchsorted(a["point_indices"], known)] = bought
                name = panel or DATASETS.get(one.rows.iloc[0]["dataset"], one.rows.iloc[0]["dataset"])
                x, y = a["points"].T.astype(float)
                sets[panel] = pd.DataFrame({"panel": name, "x": x, "y": y, "class": labels})
    must_have(study, sets, "points in the plane", "diagnostics.arrays=true, on 2-D points")
    frame = pd.concat(sets.values(), ignore_index=True)
    sizes = ", ".join(f"{name} {len(part)}" for name, part in frame.groupby("panel", sort=False))
    return [Output("toy_data", "figure", _draw(list(sets.values())), frame, f"Points of the pool: {sizes}.")]


@styled()
def _draw(sets: list[pd.DataFrame]) -> Figure:
    columns = min(COLUMNS, len(sets))
    rows = -(-len(sets) // columns)
    figure, grid = new(rows, columns, height=rows * 1.6)
    for axes in grid.flat[len(sets) :]:
        axes.set_visible(False)
    for axes, points in zip(grid.flat, sets, strict=False):
        where = points[["x", "y"]].to_numpy(float)
        _plane.draw_points(axes, where, points["class"].to_numpy(int), _plane.P3_CLASSES, **MARK)
        axes.set_title(points.iloc[0]["panel"], pad=3)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelsize=6)
    handles = [
        Line2D([], [], linestyle="none", **{**_plane.P3_CLASSES[k], "markersize": 3.5}) for k in (1, 0)
    ]
    texts = ["Label 1", "Label 0"]
    if any((points["class"] < 0).any() for points in sets):
        handles.append(Line2D([], [], linestyle="none", marker="o", markersize=3.5, color=style.SILVER))
        texts.append("Not labelled")
    legend_below(figure, handles, texts, dashes=0.8)
    return figure
