"""Point sets in the plane: where points lie, what is bought, and where a model changes its mind."""

from collections.abc import Mapping
from typing import Any

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
