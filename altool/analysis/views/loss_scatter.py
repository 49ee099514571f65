"""True loss against the likelihood of being unlabelled, the selected items marked (P1 Fig. 8)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from altool.analysis import statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import (
    Recorded,
    by_panel,
    must_have,
    n_text,
    of_panel,
    only,
    recorded,
    shown,
    slug,
)

NEEDED = ("candidates", "picks", "true_losses", "discriminator_candidates")
COLUMNS = 2
ROW_INCHES = 1.65


def view(
    study: Study, strategies: Sequence[str] | None = None, stage: int | str = "last", seed: int | None = None
) -> list[Output]:
    """Per panel: a scatter of one seed's candidates (`seed`: the first on disk), axes beside each other; and over all
    seeds a table of the mean true loss of the selected against that of all candidates."""
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        found = {one.label: recorded(study, one, NEEDED, stage) for one in cells}
        found = {label: runs for label, runs in found.items() if runs}
        if not found:
            continue
        chosen = {
            label: next((r for r in runs if seed in (None, r.seed)), runs[0]) for label, runs in found.items()
        }
        points = pd.concat([_points(r).assign(label=label) for label, r in chosen.items()], ignore_index=True)
        which = next(iter(chosen.values()))
        caption = of_panel("True loss of the candidates against 1 − D", panel)
        caption += f" at {which.n_labelled:,} labels, seed {which.seed}."
        outputs.append(Output(slug("loss_scatter", panel), "figure", _draw(points), points, caption))
        table = pd.DataFrame([_means(label, runs) for label, runs in found.items()]).assign(panel=panel)
        caption = of_panel("Mean true loss of the selected and of all candidates, nats", panel)
        caption += f", {n_text(table['n'].tolist())}."
        outputs.append(Output(slug("loss_of_picks", panel), "table", None, table, caption))
    must_have(study, outputs, "true losses beside discriminator outputs", "diagnostics.audit=true")
    return outputs


def _points(run: Recorded) -> pd.DataFrame:
    a = run.arrays
    return pd.DataFrame(
        {
            "index": a["candidates"],
            "likelihood": 1 - a["discriminator_candidates"].astype(float),
            "true_loss": a["true_losses"].astype(float),
            "selected": np.isin(a["candidates"], a["picks"]),
        }
    )


def _means(label: str, runs: Sequence[Recorded]) -> dict[str, object]:
    frames = [_points(run) for run in runs]
    selected_S = np.array([f.loc[f["selected"], "true_loss"].mean() for f in frames])
    all_S = np.array([f["true_loss"].mean() for f in frames])
    interval = statistics.t_interval(selected_S - all_S)
    return {
        "label": label,
        "selected_mean": statistics.mean(selected_S),
        "selected_std": statistics.std(selected_S),
        "candidates_mean": statistics.mean(all_S),
        "difference": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "n": interval.n,
    }


@styled()
def _draw(points: pd.DataFrame) -> Figure:
    labels = list(dict.fromkeys(points["label"]))
    rows = -(-len(labels) // COLUMNS)
    columns = min(COLUMNS, len(labels))
    figure, grid = new(rows, columns, height=0.2 + ROW_INCHES * rows, sharex=True, sharey=True)
    for axes, label in zip(grid.flat, labels, strict=False):
        rest, selected = (only(points, label=label, selected=which) for which in (False, True))
        # ten thousand dots as vectors would make the file slow to open
        axes.plot(rest["likelihood"], rest["true_loss"], **REST, rasterized=len(rest) > 2000)
        axes.plot(selected["likelihood"], selected["true_loss"], **SELECTED, rasterized=len(selected) > 2000)
        axes.set_title(label, loc="left", pad=3)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        axes.tick_params(labelsize=6.5)
    for axes in grid.flat[len(labels) :]:
        axes.set_visible(False)
    for axes in grid.flat[len(labels) - columns : len(labels)]:  # the lowest of every column
        axes.set_xlabel("Likelihood of being\nunlabelled, 1 − D")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("True loss (nats)")
    handles = [Line2D([], [], **REST), Line2D([], [], **SELECTED)]
    legend_below(figure, handles, ["Candidate", "Selected"], dashes=0.8)
    return figure


REST = {"linestyle": "none", "marker": "o", "markersize": 2, "color": style.SILVER, "markeredgewidth": 0}
SELECTED = {
    "linestyle": "none",
    "marker": "x",
    "markersize": 3.2,
    "color": style.VERMILLION,
    "markeredgewidth": 0.9,
}
