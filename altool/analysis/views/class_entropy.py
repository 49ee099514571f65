"""How evenly the labels spread over the classes: bars of the entropy of the class counts (P0 Fig. 6, P1 Fig. 7a)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from altool.analysis import statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.figure import thousands
from altool.analysis.label import items_name
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, n_text, of_panel, only, shown, slug

GROUP = 0.84  # of the room between two ticks


def view(study: Study, strategies: list[str] | None = None) -> list[Output]:
    """A figure per panel: bars of mean and standard deviation over seeds, in nats, a group for every stage."""
    outputs = []
    for panel, cells in by_panel(shown(study, strategies, "class_entropy")).items():
        frame = pd.DataFrame([row for one in cells for row in _rows(one)])
        caption = of_panel("Entropy of the class counts among the labelled", panel)
        caption += f": mean ± 1 standard deviation, {n_text(frame['n'].tolist())}."
        name = slug("class_entropy", panel)
        outputs.append(Output(name, "figure", _draw(cells, frame), frame.assign(panel=panel), caption))
    return outputs


def _rows(one: Shown) -> list[dict[str, object]]:
    values = one.values("class_entropy")
    return [
        {
            "label": one.label,
            "stage": int(stage),
            "n_labelled": int(n),
            "mean": statistics.mean(values_S),
            "std": statistics.std(values_S),
            "n": int(np.isfinite(values_S).sum()),
        }
        for (stage, n), values_S in zip(values.index, values.to_numpy(float), strict=True)
    ]


@styled()
def _draw(cells: list[Shown], frame: pd.DataFrame):
    figure, ((axes,),) = new()
    budgets = sorted(frame["n_labelled"].unique())
    width = GROUP / len(cells)
    looks = style.looks_of([one.cell.strategy for one in cells])
    for i, (one, look) in enumerate(zip(cells, looks, strict=True)):
        rows = only(frame, label=one.label).set_index("n_labelled").reindex(budgets)
        bars(axes, np.arange(len(budgets)) - GROUP / 2 + (i + 0.5) * width, rows, width, look, i)
    classes = max(len(str(counts).split(";")) for one in cells for counts in one.rows["class_counts"])
    if classes > 1:
        axes.axhline(np.log(classes), color=style.BLACK, linewidth=0.7, linestyle=style.DOTTED)
    axes.set_xticks(range(len(budgets)), [thousands(int(n)) for n in budgets])
    axes.set_xlabel(f"Number of labelled {items_name(cells[0].rows.iloc[0]['dataset'])}")
    axes.set_ylabel("Class-count entropy (nats)")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.grid(visible=False, axis="x")
    handles = [
        Patch(facecolor=look.colour, edgecolor=style.BLACK, linewidth=0.4, hatch=style.hatch(i))
        for i, look in enumerate(looks)
    ]
    counts = frame["n"].tolist()
    notes = [f"Mean ± 1 std, {n_text(counts)}" if max(counts) > 1 else "One seed: no spread"]
    notes.append(f"Dotted: equal shares, ln {classes}")
    legend_below(figure, handles, [one.label for one in cells], notes)
    return figure


def bars(axes: Axes, x: np.ndarray, rows: pd.DataFrame, width: float, look: style.Look, nth: int) -> None:
    """One method's bars of `mean` with whiskers of `std`, hatched, so that they differ in grey."""
    axes.bar(
        x,
        rows["mean"],
        width,
        color=look.colour,
        edgecolor=style.BLACK,
        linewidth=0.4,
        hatch=style.hatch(nth),
    )
    mean, std = (rows[key].to_numpy(float) for key in ("mean", "std"))
    spread = np.isfinite(std)
    if spread.any():
        axes.errorbar(
            x[spread],
            mean[spread],
            std[spread],
            fmt="none",
            ecolor=style.BLACK,
            elinewidth=0.6,
            capsize=1.2,
            capthick=0.6,
        )
