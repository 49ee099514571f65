"""Seconds that a strategy needs to choose one item, with and without its fit (P1 4.2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from altool.analysis import statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.label import method_name
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, how_many, must_have, of_panel, only, shown, slug

PARTS = {"fit": ("strategy_fit_seconds",), "choosing": ("score_seconds", "select_seconds")}


def view(study: Study, versus: str = "ta_vaal", strategies: Sequence[str] | None = None) -> list[Output]:
    """Per panel: milliseconds per bought item, its parts stacked; the numbers say the ratio to `versus` with and without
    the strategy's fit: its own networks, and the features that it reads once (of core-set that is all). Wall time of the
    device named."""
    outputs = []
    for panel, cells in by_panel(shown(study, strategies, "query_seconds")).items():
        rows = [row for one in cells if (row := _row(one)) is not None]
        if not rows:
            continue
        frame = pd.DataFrame(rows)
        frame = _with_ratios(frame, versus).assign(panel=panel)
        devices = ", ".join(sorted({device for one in cells for device in one.rows["device"]}))
        n = how_many(frame["n"].tolist(), "query", "queries")
        caption = of_panel("Time to choose one item", panel) + f": mean of {n} on {devices}."
        figure = _draw(frame, n)
        outputs.append(Output(slug("selection_time", panel), "figure", figure, frame, caption))
    must_have(study, outputs, "a query", "budget.stages=2 or more")
    return outputs


def _row(one: Shown) -> dict[str, object] | None:
    """Seconds per bought item, over the queries of all seeds; None where there was none."""
    parts: dict[str, list[float]] = {name: [] for name in PARTS}
    for _, rows in one.rows.sort_values("stage").groupby("seed"):
        bought = rows["n_labelled"].diff().shift(-1)  # what the query of this stage bought
        for name, columns in PARTS.items():
            seconds = rows[list(columns)].sum(axis=1) / bought
            parts[name] += seconds[bought > 0].tolist()
    if not parts["choosing"]:
        return None
    fit, choosing = (np.array(parts[name]) for name in PARTS)
    return {
        "label": one.label,
        "strategy": one.cell.strategy,
        "fit_seconds": float(fit.mean()),
        "choosing_seconds": float(choosing.mean()),
        "total_seconds": float((fit + choosing).mean()),
        "total_std": statistics.std(fit + choosing),
        "n": len(choosing),
    }


def _with_ratios(frame: pd.DataFrame, versus: str) -> pd.DataFrame:
    base = pd.concat([only(frame, label=versus), only(frame, strategy=versus)])
    if base.empty:
        return frame
    name = slug(method_name(base["strategy"].tolist()[0]))
    for column in ("choosing_seconds", "total_seconds"):
        which = "with_fit" if column == "total_seconds" else "without_fit"
        frame[f"times_{name}_{which}"] = frame[column] / base[column].to_numpy()[0]
    return frame


@styled()
def _draw(frame: pd.DataFrame, n: str) -> Figure:
    figure, ((axes,),) = new(height=0.55 + 0.24 * len(frame))
    y = np.arange(len(frame))[::-1]
    choosing, fit = (1000 * frame[f"{part}_seconds"].to_numpy(float) for part in ("choosing", "fit"))
    axes.barh(y, choosing, 0.66, color=style.GREY, edgecolor=style.BLACK, linewidth=0.4)
    axes.barh(
        y,
        fit,
        0.66,
        left=choosing,
        color=style.PALE,
        hatch=style.hatch(1),
        edgecolor=style.BLACK,
        linewidth=0.4,
    )
    total = choosing + fit
    for at, value in zip(y, total, strict=True):
        axes.annotate(
            _short(value), (value, at), (3, 0), textcoords="offset points", va="center", fontsize=6.5
        )
    axes.set_yticks(y, list(frame["label"]))
    axes.set_xlabel("Milliseconds per selected item")
    axes.set_xlim(0, 1.18 * total.max())
    axes.grid(visible=False, axis="y")
    handles = [
        Patch(facecolor=style.GREY, edgecolor=style.BLACK, linewidth=0.4),
        Patch(facecolor=style.PALE, edgecolor=style.BLACK, linewidth=0.4, hatch=style.hatch(1)),
    ]
    legend_below(figure, handles, ["Scoring and choosing", "Fit: own networks, features"], [f"Mean of {n}"])
    return figure


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
