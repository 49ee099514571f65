"""Achieved against possible: every row below the roof of the machine's own measured ceilings (Williams et al. 2009)."""

from pathlib import Path

import matplotlib
import numpy as np

from benchmark.compared import Result
from benchmark.machine import Ceilings

COLOURS = {"fp32": "#0072B2", "bf16": "#D55E00"}  # Okabe and Ito's, told apart by everyone

NEAR_POINTS = 7.0  # closer than this, 1/72 inch, labels would lie on each other


def draw(results: list[Result], ceilings: Ceilings, path: Path) -> None:
    """Writes the picture in the format of the path's suffix; rows without counts are left out, and without others so is the
    picture."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = [row for row in results if row.count and row.ours_seconds and row.count.operations]
    if not rows:
        return
    figure, (roof, bars) = plt.subplots(
        1, 2, figsize=(7.2, 0.9 + 0.26 * max(8, len(rows))), width_ratios=(1.15, 1), layout="constrained"
    )
    x = np.geomspace(0.1, 1000, 200)
    for name, colour in COLOURS.items():
        roof.loglog(
            x,
            np.minimum(x * ceilings.bytes, ceilings.operations[name]) / 1e9,
            color=colour,
            linewidth=1.2,
            label=f"{name}: {ceilings.operations[name] / 1e9:.0f} GFLOP/s",
        )
    points = [_point(row) for row in rows]
    for at, row in zip(points, rows, strict=True):
        roof.plot(*at, "o", color=COLOURS[row.precision], markersize=3.5)
    roof.set(
        xlabel="operations per byte (no credit for caches)",
        ylabel="GFLOP/s",
        title=f"copy: {ceilings.bytes / 1e9:.0f} GB/s",
        xlim=(0.6 * min(at[0] for at in points), 2.5 * max(at[0] for at in points)),
        ylim=(0.6 * min(at[1] for at in points), 2e-9 * max(ceilings.operations.values())),
    )
    roof.legend(loc="lower right", fontsize=7, frameon=False)
    shares = [_share(row, ceilings) for row in rows]
    places = np.arange(len(rows))
    bars.barh(places, shares, color=[COLOURS[row.precision] for row in rows], height=0.7)
    bars.set_yticks(places, [f"{n} {row.row}" for n, row in enumerate(rows, start=1)], fontsize=6.5)
    bars.invert_yaxis()
    bars.set(xlabel="share of the matrix product's rate", xlim=(0, 1.05))
    for axis in (roof, bars):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=7)
        axis.xaxis.label.set_size(7)
        axis.yaxis.label.set_size(7)
        axis.title.set_size(7)
    figure.canvas.draw()  # lays out, so that distances on the page are known
    places = roof.transData.transform(points) * 72 / figure.dpi
    for numbers in _near(places, NEAR_POINTS):
        text = ", ".join(str(n + 1) for n in numbers)
        ahead = places - places[numbers[0]]
        crowded = np.any((ahead[:, 0] > NEAR_POINTS) & (ahead[:, 0] < 30) & (abs(ahead[:, 1]) < NEAR_POINTS))
        side, shift = ("right", -3.5) if crowded else ("left", 2.5)
        roof.annotate(
            text, points[numbers[0]], xytext=(shift, 2.5), textcoords="offset points", fontsize=7, ha=side
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    plt.close(figure)


def _point(row: Result) -> tuple[float, float]:
    """Operations per byte, and GFLOP/s."""
    assert row.count and row.ours_seconds
    return row.count.operations / row.count.bytes, row.count.operations / row.ours_seconds / 1e9


def _near(places: np.ndarray, distance: float) -> list[list[int]]:
    """Groups of points that lie within `distance` of their group's first one: they share a label."""
    groups: list[list[int]] = []
    for n, place in enumerate(places):
        for group in groups:
            if np.hypot(*(place - places[group[0]])) < distance:
                group.append(n)
                break
        else:
            groups.append([n])
    return groups


def _share(row: Result, ceilings: Ceilings) -> float:
    assert row.count and row.ours_seconds
    return row.count.operations / row.ours_seconds / ceilings.operations[row.precision]
