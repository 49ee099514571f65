"""Draws a panel: mean lines with bands of one standard deviation, legend below the axes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from altool.analysis import style
from altool.analysis.canvas import encode, footnote, keep_within, legend_below, new, styled
from altool.analysis.curves import Curve, Panel
from altool.analysis.label import items_name


def image(panel: Panel, file_format: str, titled: bool = False) -> bytes:
    """The panel as a file's bytes, `file_format` one of canvas.FORMATS."""
    return encode(stamped(panel, titled), file_format)


def stamped(panel: Panel, titled: bool = False) -> Figure:
    """As `draw`, and below it what has to be said of smoke runs."""
    figure = draw(panel, titled)
    if panel.stamp:
        footnote(figure, panel.stamp)
    return figure


@styled()
def draw(
    panel: Panel, titled: bool = False, x_label: str = "", band: str = "std", trial: str = "seed"
) -> Figure:
    """As wide as a column; as high as the axes and the legend below them need. `x_label`: what the stages are
    counted in, the labelled items unless said. `band`: one standard deviation, or the `range` of the seeds. `trial`: what
    a column of the curves is."""
    figure, ((axes,),) = new()
    looks = style.looks(panel.curves)
    for curve, look in zip(panel.curves, looks, strict=True):
        _draw_curve(axes, curve, look, panel.metric.scale, band)
    if panel.relative_to:
        axes.axhline(0, color=style.BLACK, linewidth=0.8, zorder=1.5)
    axes.set_xlabel(x_label or f"Number of labelled {items_name(panel.dataset)}")
    _label_axes(axes, panel)
    if titled:
        axes.set_title(panel.title)
    counts = {curve.n_seeds for curve in panel.curves}
    handles = [Line2D([], [], color=k.colour, linestyle=k.line, marker=k.marker) for k in looks]
    texts = [_legend_text(curve, with_n=len(counts) > 1 and band == "std") for curve in panel.curves]
    legend_below(figure, handles, texts, _legend_notes(panel, counts, band, trial))
    return figure


def _draw_curve(axes: Axes, curve: Curve, look: style.Look, scale: float, band: str) -> None:
    x_T, mean_T, std_T = curve.n_labelled_T, scale * curve.mean_T, scale * curve.std_T
    axes.plot(x_T, mean_T, color=look.colour, linestyle=look.line, marker=None)
    # hollow where a seed has not come as far: there the mean is over fewer runs
    partial_T = curve.n_T < curve.n_seeds
    for where_T, face in ((~partial_T, look.colour), (partial_T, "white")):
        axes.plot(
            x_T[where_T],
            mean_T[where_T],
            linestyle="none",
            marker=look.marker,
            markerfacecolor=face,
            markeredgecolor=look.colour,
            markeredgewidth=0.8,
        )
    if np.isfinite(std_T).any():  # one seed has no spread
        low_T, high_T = mean_T - std_T, mean_T + std_T
        if band == "range":
            low_T, high_T = (scale * edge(curve.values_TS, axis=1) for edge in (np.nanmin, np.nanmax))
        axes.fill_between(x_T, low_T, high_T, color=look.colour, alpha=0.14, linewidth=0)


def _label_axes(axes: Axes, panel: Panel) -> None:
    if panel.relative_to:
        axes.set_ylabel(f"{panel.metric.name} over {panel.relative_to}\n({panel.metric.difference_unit()})")
    else:
        axes.set_ylabel(panel.metric.axis())
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    axes.margins(x=0.04)
    if panel.metric.unit == "%" and not panel.relative_to:
        keep_within(axes, 0, 100)


def thousands(value: float) -> str:
    """500, 1k, 2.5k."""
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def _legend_text(curve: Curve, with_n: bool) -> str:
    return f"{curve.label}, n = {curve.n_seeds}" if with_n else curve.label


def _legend_notes(panel: Panel, counts: set[int], band: str, trial: str) -> list[str]:
    """What the lines are, over how many seeds, and which other settings all runs share."""
    spread = "Mean ± 1 std over" if band == "std" else "Mean, lowest and highest of"
    notes = []
    if max(counts) == 1:
        notes.append(f"One {trial}: no band")
    elif len(counts) == 1 or band == "range":  # single seeds among the lines are named so
        notes.append(f"{spread} {max(counts)} {trial}s")
    else:
        notes.append(f"{spread} n {trial}s")
    if panel.relative_to:
        notes[0] += ", paired by seed"
    if any((curve.n_T < curve.n_seeds).any() for curve in panel.curves):
        notes.append(f"Hollow: not all of the {trial}s yet")
    elif any(curve.unfinished for curve in panel.curves):
        notes.append("Some runs are unfinished")
    if panel.note:
        notes.append(f"All: {panel.note}")
    return notes
