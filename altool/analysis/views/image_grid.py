"""The first picks as images, a row per method, those of a dominant class framed (P2 Fig. 4)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from altool.analysis import style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import (
    Recorded,
    Shown,
    by_panel,
    must_have,
    of_panel,
    purchases,
    recorded,
    shown,
    slug,
)
from altool.analysis.views.class_share import dominant_classes

LABEL_INCHES = 0.72


def view(
    study: Study,
    n: int = 10,
    stage: int | str = "last",
    seed: int | None = None,
    classes: Sequence[int] | None = None,
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """Per panel: the first `n` picks (at most ten are recorded) of one seed at one stage.

    classes: whose images get a frame; None takes the classes that the imbalance left whole.
    """
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        found: list[tuple[Shown, Recorded]] = []
        for one in cells:
            runs = recorded(study, one, ["picks", "pick_images"], stage, None if seed is None else [seed])
            found += [(one, run) for run in runs[:1]]
        if not found:
            continue
        framed = set(classes) if classes is not None else dominant_classes(study, found[0][0])
        frame = pd.concat([_rows(study, one, run, n) for one, run in found], ignore_index=True)
        frame = frame.assign(panel=panel, framed=frame["class"].isin(list(framed)))
        images = {one.label: run.arrays["pick_images"][:n] for one, run in found}
        run = found[0][1]
        names = study.run(found[0][0].cell, run.seed).get("classes", [])
        caption = of_panel(f"First {n} picks at {run.n_labelled:,} labels, seed {run.seed}", panel)
        what = ", ".join(names[k] if k < len(names) else str(k) for k in sorted(framed))
        caption += f"; framed: class {what}." if framed else "."
        figure = _draw(images, frame, what)
        outputs.append(Output(slug("image_grid", panel), "figure", figure, frame, caption))
    must_have(study, outputs, "images of the picks", "diagnostics.arrays=true, on a set of images")
    return outputs


def _rows(study: Study, one: Shown, run: Recorded, n: int) -> pd.DataFrame:
    """rank, index and class of each shown pick; a class that was neither bought nor audited is −1."""
    picks = run.arrays["picks"][: min(n, len(run.arrays["pick_images"]))]
    bought = purchases(study, one, run.seed)
    known = dict(zip(bought["index"].tolist(), bought["label"].tolist(), strict=True))
    if "true_labels" in run.arrays:
        known |= dict(zip(run.arrays["candidates"].tolist(), run.arrays["true_labels"].tolist(), strict=True))
    return pd.DataFrame(
        {
            "label": one.label,
            "rank": np.arange(len(picks)),
            "index": picks,
            "class": [known.get(int(i), -1) for i in picks],
        }
    )


@styled()
def _draw(images: dict[str, np.ndarray], frame: pd.DataFrame, what: str) -> Figure:
    columns = max(len(shown) for shown in images.values())
    aspect = next(iter(images.values())).shape[1:3]
    side = (style.COLUMN_INCHES - LABEL_INCHES) / columns
    height = len(images) * (side * aspect[0] / aspect[1] + 0.03) + 0.05
    figure, grid = new(len(images), columns, height=height)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)  # type: ignore[call-arg]
    for row, (label, pictures) in zip(grid, images.items(), strict=True):
        framed = frame.loc[frame["label"] == label, "framed"].tolist()
        for axes in row:
            axes.set_axis_off()
        for axes, picture, mark in zip(row, pictures, framed, strict=False):
            picture_on(axes, picture, mark)
        row[0].text(-0.15, 0.5, label, transform=row[0].transAxes, ha="right", va="center", fontsize=6.5)
    if what:
        frame_of = Patch(facecolor="none", edgecolor=style.VERMILLION, linewidth=1.6)
        legend_below(figure, [frame_of], [f"Class {what}" if "," not in what else f"Classes {what}"])
    return figure


def picture_on(axes: Axes, picture: np.ndarray, framed: bool = False) -> None:
    """An (h, w, 1 or 3) uint8 image that fills the axes, in a thick frame where `framed`."""
    grey = picture.shape[2] == 1
    axes.imshow(picture[..., 0] if grey else picture, cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.set_axis_on()
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=framed, color=style.VERMILLION, linewidth=1.8)
