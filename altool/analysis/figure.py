"""Draws a panel: mean lines with bands of one standard deviation, legend below the axes."""

import io
import textwrap
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from altool.analysis import style
from altool.analysis.curves import Curve, Panel
from altool.analysis.label import items_name

FORMATS = ("png", "pdf", "svg")
LEGEND_LETTERS = 44  # longest line of a legend in a column of 3.3 inches
# What makes a file ours; and no dates, so that equal runs give equal bytes.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "altool"},
    "pdf": {"Creator": "altool", "CreationDate": None},
    "svg": {"Creator": "altool", "Date": None},
}
OURS = {
    "png": b"Software\0altool",
    "pdf": b"/Creator (altool)",
    "svg": b"<dc:title>altool</dc:title>",
}


def image(panel: Panel, file_format: str, titled: bool = False) -> bytes:
    """The panel as a file's bytes, `file_format` one of FORMATS."""
    out = io.BytesIO()
    figure = draw(panel, titled)
    metadata = METADATA[file_format]
    with _styled():
        figure.savefig(out, format=file_format, dpi=style.RASTER_DPI, metadata=metadata)
    return out.getvalue()


def is_ours(content: bytes, file_format: str) -> bool:
    """Whether these bytes are a figure that altool made."""
    return OURS[file_format] in content


def draw(panel: Panel, titled: bool = False) -> Figure:
    """As wide as a column; as high as the axes and the legend below them need."""
    with _styled():
        return _draw(panel, titled)


def _styled() -> AbstractContextManager[None]:
    return matplotlib.style.context(["default", style.RC])


def _draw(panel: Panel, titled: bool) -> Figure:
    figure = Figure(figsize=(style.COLUMN_INCHES, style.AXES_INCHES), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for curve, look in zip(panel.curves, style.looks(panel.curves), strict=True):
        _draw_curve(axes, curve, look, panel.metric.scale)
    if panel.relative_to:
        axes.axhline(0, color=style.BLACK, linewidth=0.8, zorder=1.5)
    _label_axes(axes, panel)
    if titled:
        axes.set_title(panel.title)
    legend = _legend(figure, axes, panel)
    height_inches = legend.get_window_extent().height / figure.dpi
    figure.set_size_inches(style.COLUMN_INCHES, style.AXES_INCHES + height_inches)
    return figure


def _draw_curve(axes: Axes, curve: Curve, look: style.Look, scale: float) -> None:
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
        axes.fill_between(x_T, low_T, high_T, color=look.colour, alpha=0.14, linewidth=0)


def _label_axes(axes: Axes, panel: Panel) -> None:
    axes.set_xlabel(f"Number of labelled {items_name(panel.dataset)}")
    if panel.relative_to:
        axes.set_ylabel(f"{panel.metric.name} over {panel.relative_to}\n({panel.metric.difference_unit()})")
    else:
        axes.set_ylabel(panel.metric.axis())
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: thousands(value)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    axes.margins(x=0.04)


def thousands(value: float) -> str:
    """500, 1k, 2.5k."""
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def _legend(figure: Figure, axes: Axes, panel: Panel) -> Legend:
    counts = {curve.n_seeds for curve in panel.curves}
    texts = [_legend_text(curve, with_n=len(counts) > 1) for curve in panel.curves]
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker)
        for look in style.looks(panel.curves)
    ]
    title = "\n".join(_legend_notes(panel, counts))
    width_pixels = style.COLUMN_INCHES * figure.dpi
    for columns in (3, 2, 1):
        legend = figure.legend(
            handles,
            texts,
            loc="outside lower center",
            ncols=min(columns, len(handles)),
            title=title,
            frameon=False,
            handlelength=3.2,
            columnspacing=1.2,
            labelspacing=0.35,
            borderpad=0.2,
        )
        legend.get_title().set_multialignment("center")
        if columns == 1 or legend.get_window_extent().width <= width_pixels:
            return legend
        legend.remove()
    raise AssertionError("one column always returns")


def _legend_text(curve: Curve, with_n: bool) -> str:
    text = f"{curve.label}, n = {curve.n_seeds}" if with_n else curve.label
    return textwrap.fill(text, LEGEND_LETTERS, subsequent_indent="  ")


def _legend_notes(panel: Panel, counts: set[int]) -> list[str]:
    """What the lines are, over how many seeds, and which other settings all runs share."""
    notes = []
    if max(counts) == 1:
        notes.append("One seed: no band")
    elif len(counts) == 1:
        notes.append(f"Mean ± 1 std over {max(counts)} seeds")
    else:
        notes.append("Mean ± 1 std over n seeds")
    if panel.relative_to:
        notes[0] += ", paired by seed"
    if any((curve.n_T < curve.n_seeds).any() for curve in panel.curves):
        notes.append("Hollow: not all of the seeds yet")
    elif any(curve.unfinished for curve in panel.curves):
        notes.append("Some runs are unfinished")
    if panel.note:
        notes += textwrap.wrap(f"All: {panel.note}", LEGEND_LETTERS)
    return notes
