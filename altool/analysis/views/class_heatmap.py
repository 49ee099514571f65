"""Accuracy per class as a heat map, a row per method."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from altool.analysis import statistics, style
from altool.analysis.canvas import new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, n_text, of_panel, only, shown, slug

ROW_INCHES = 0.24
MOST_NUMBERS = 12  # classes up to which each field says its number


def view(study: Study, stage: int | str = "last", strategies: Sequence[str] | None = None) -> list[Output]:
    """A figure per panel: the share of each class's test items that is classified rightly, mean over seeds, in percent;
    at the last stage that all of a cell's seeds have, or at `stage`."""
    outputs = []
    for panel, cells in by_panel(shown(study, strategies, "recall_per_class")).items():
        names = study.run(cells[0].cell, cells[0].seeds[0]).get("classes", [])
        frame = pd.DataFrame([row for one in cells for row in _rows(one, stage, names)])
        if frame.empty:
            continue
        caption = of_panel("Accuracy per class (%)", panel)
        at = sorted({int(n) for n in frame["n_labelled"]})
        caption += f" at {', '.join(f'{n:,}' for n in at)} labels: mean, {n_text(frame['n'].tolist())}."
        figure = _draw(frame)
        outputs.append(
            Output(slug("class_heatmap", panel), "figure", figure, frame.assign(panel=panel), caption)
        )
    return outputs


def _rows(one: Shown, stage: int | str, names: Sequence[str]) -> list[dict[str, object]]:
    reached = min(only(one.rows, seed=seed)["stage"].to_numpy().max() for seed in one.seeds)
    rows = only(one.rows, stage=reached if stage == "last" else stage)
    texts = [text for text in rows["recall_per_class"] if text]
    if not texts:
        return []
    recalls_S_C = np.array([[float(r) if r else np.nan for r in text.split(";")] for text in texts])
    return [
        {
            "label": one.label,
            "n_labelled": int(rows.iloc[0]["n_labelled"]),
            "class": names[k] if k < len(names) else str(k),
            "mean": statistics.mean(recalls_S),
            "std": statistics.std(recalls_S),
            "n": len(texts),
        }
        for k, recalls_S in enumerate(recalls_S_C.T)
    ]


@styled()
def _draw(frame: pd.DataFrame) -> Figure:
    labels, classes = (list(dict.fromkeys(frame[key])) for key in ("label", "class"))
    percent = 100 * frame["mean"].to_numpy(float).reshape(len(labels), len(classes))
    figure, ((axes,),) = new(height=0.75 + ROW_INCHES * len(labels))
    fields = axes.imshow(percent, cmap="Greys", vmin=0, vmax=100, aspect="auto")
    axes.grid(visible=False)
    axes.set_yticks(range(len(labels)), labels)
    if len(classes) <= MOST_NUMBERS:
        short = max(len(name) for name in classes) <= 2
        turned = {} if short else {"rotation": 90}
        axes.set_xticks(range(len(classes)), classes, **turned)
        for (row, column), value in np.ndenumerate(percent):
            if np.isfinite(value):
                ink = "white" if value > 55 else style.BLACK
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=ink, fontsize=6)
    axes.set_xlabel("Class")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(True)
    bar = figure.colorbar(fields, ax=axes, pad=0.02, aspect=12)
    bar.set_label("Accuracy (%)", fontsize=7)
    bar.ax.tick_params(labelsize=6)
    bar.outline.set_linewidth(0.4)  # type: ignore[operator]
    return figure
