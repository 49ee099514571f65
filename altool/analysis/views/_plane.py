"""Point sets in the plane: where points lie, what is bought, and where a model changes its mind."""

from collections.abc import Mapping
from typing import Any

import contourpy
import numpy as np
from matplotlib.axes import Axes

from altool.analysis import style
from altool.analysis.study import Study
from altool.analysis.views._cells import Recorded, Shown, purchases
from altool.core.errors import UserError

HALF = 0.5
CIRCLE: dict[str, Any] = {"marker": "o", "color": style.VERMILLION}
TRIANGLE: dict[str, Any] = {"marker": "^", "color": style.BLUE}
P1_CLASSES = {0: CIRCLE, 1: TRIANGLE}  # P1 Fig. 1: class 0 red, class 1 blue
P3_CLASSES = {1: CIRCLE, 0: TRIANGLE}  # P3 Figs. 2 to 4: label 1 red circles, label 0 blue triangles


def two_classes(study: Study, run: Recorded) -> np.ndarray:
    """The posterior of class 1 on the grid, (G, G), rows by y. Raises UserError for more classes."""
    probs = run.arrays["grid_probs"].astype(float)
    if probs.shape[2] != 2:
        raise UserError(f"{study.name}: a boundary is drawn between two classes, not {probs.shape[2]}.")
    return probs[..., 1]


def boundary(x: np.ndarray, y: np.ndarray, probs_G_G: np.ndarray) -> list[np.ndarray]:
    """The polylines where the posterior of class 1 is one half, each (k, 2)."""
    lines = contourpy.contour_generator(x, y, probs_G_G).lines(HALF)
    return [np.asarray(line, float) for line in lines]


def distances(points_N_2: np.ndarray, lines: list[np.ndarray]) -> np.ndarray:
    """From each point to the nearest of the polylines, (N,); nan where there is none."""
    segments = [(line[:-1], line[1:]) for line in lines if len(line) > 1]
    if not segments:
        return np.full(len(points_N_2), np.nan)
    begin_K_2, end_K_2 = (np.concatenate(parts) for parts in zip(*segments, strict=True))
    along_K_2 = end_K_2 - begin_K_2
    square_K = np.maximum((along_K_2**2).sum(1), np.finfo(float).tiny)
    from_begin_N_K_2 = points_N_2[:, None] - begin_K_2
    share_N_K = ((from_begin_N_K_2 * along_K_2).sum(2) / square_K).clip(0, 1)
    gaps_N_K_2 = from_begin_N_K_2 - share_N_K[..., None] * along_K_2
    return np.sqrt((gaps_N_K_2**2).sum(2)).min(1)


def nearest_neighbours(points_N_2: np.ndarray) -> float:
    """Mean distance from a point to the nearest other one: small for clustered picks."""
    if len(points_N_2) < 2:
        return float("nan")
    gaps = np.sqrt(((points_N_2[:, None] - points_N_2[None]) ** 2).sum(2))
    np.fill_diagonal(gaps, np.inf)
    return float(gaps.min(1).mean())


def at(run: Recorded, indices: np.ndarray) -> np.ndarray:
    """Where dataset indices lie, (n, 2)."""
    places = np.searchsorted(run.arrays["point_indices"], indices)
    return run.arrays["points"][places].astype(float)


def labelled(study: Study, one: Shown, run: Recorded) -> tuple[np.ndarray, np.ndarray]:
    """Indices and labels that the model of this stage was fitted on."""
    mine = purchases(study, one, run.seed)
    known = mine["stage"].to_numpy() <= run.stage
    return mine["index"].to_numpy(int)[known], mine["label"].to_numpy(int)[known]


def draw_points(
    axes: Axes, points_N_2: np.ndarray, labels_N: np.ndarray, classes: Mapping[int, Any], **look: Any
) -> None:
    """A mark per point by class; a class that is not in `classes` is grey."""
    unknown = {"marker": "o", "color": style.SILVER}
    for label in sorted({int(k) for k in labels_N}):
        mine = points_N_2[labels_N == label]
        axes.plot(*mine.T, linestyle="none", **{**classes.get(label, unknown), **look})


def bare(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    """The plane without numbers: the papers' toys have no units."""
    axes.set(xticks=[], yticks=[], xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
