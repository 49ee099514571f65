"""The point sets themselves (P3 Fig. 2)."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views import _plane
from altool.core.errors import UserError

COLUMNS = 2
POOL = {"markersize": 2.2, "markeredgewidth": 0}
TEST = {"markersize": 2.6, "markerfacecolor": "white", "markeredgewidth": 0.5}


def view(study: Study) -> list[Output]:
    """One figure, an axes per set: the pool filled and the test set hollow, by class."""
    sets = [_points(row) for row in study.datasets.to_dict("records") if row.get("points")]
    if not sets:
        raise UserError(f"{study.name}: none of its sets lies in the plane, or none was measured yet.")
    frame = pd.concat(sets, ignore_index=True)
    counts = frame.groupby(["panel", "part"], sort=False).size().unstack()
    sizes = ", ".join(f"{panel} {row['pool']} and {row['test']}" for panel, row in counts.iterrows())
    caption = f"Points of the pool and of the test set: {sizes}."
    return [Output("toy_data", "figure", _draw(sets), frame, caption)]


def _points(row: dict) -> pd.DataFrame:
    """Of a row of Study.datasets: panel, part (pool, test), x, y, class."""
    told = [point.split() for point in row["points"].split(";")]
    frame = pd.DataFrame(told, columns=["part", "x", "y", "class"])
    return frame.astype({"x": float, "y": float, "class": int}).assign(panel=row["panel"] or row["dataset"])


@styled()
def _draw(sets: list[pd.DataFrame]) -> Figure:
    columns = min(COLUMNS, len(sets))
    rows = -(-len(sets) // columns)
    figure, grid = new(rows, columns, height=rows * 1.6)
    for axes in grid.flat[len(sets) :]:
        axes.set_visible(False)
    for axes, points in zip(grid.flat, sets, strict=False):
        for part, mark in (("pool", POOL), ("test", TEST)):
            mine = points.loc[points["part"] == part]
            where, labels = mine[["x", "y"]].to_numpy(float), mine["class"].to_numpy(int)
            _plane.draw_points(axes, where, labels, _plane.P3_CLASSES, **mark)
        axes.set_title(points.iloc[0]["panel"], pad=3)
        axes.set_aspect("equal", adjustable="datalim")
        axes.tick_params(labelsize=6)
    shown = [(k, part) for k in (1, 0) for part in (POOL, TEST)]
    handles = [
        Line2D([], [], linestyle="none", **{**_plane.P3_CLASSES[k], **part, "markersize": 3.5})
        for k, part in shown
    ]
    texts = [f"Label {k}{', test' if part is TEST else ''}" for k, part in shown]
    legend_below(figure, handles, texts, dashes=0.8)
    return figure
