"""Figures as a paper takes them: one column wide, the legend below the axes, no dates in the file.

A legend outside the axes covers nothing, and the figure grows by what the legend needs.
"""

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend

from altool.analysis import style

FORMATS = ("png", "pdf", "svg")
LEGEND_LETTERS = 44  # longest line of a legend in a column of 3.3 inches
FOOTNOTE_LETTERS = 80
FOOTNOTE_POINTS = 5.5
PAD_INCHES = 0.04167  # matplotlib's around an outside legend
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


def styled() -> Any:
    """The house style as a context or a decorator: for whatever makes or saves a figure."""
    return matplotlib.style.context(["default", style.RC])


def encode(figure: Figure, file_format: str) -> bytes:
    """The figure as a file's bytes, `file_format` one of FORMATS."""
    out = io.BytesIO()
    with styled():
        _settle(figure)
        figure.savefig(out, format=file_format, dpi=style.RASTER_DPI, metadata=METADATA[file_format])
    return out.getvalue()


def is_ours(content: bytes, file_format: str) -> bool:
    """Whether these bytes are a figure that altool made."""
    return OURS[file_format] in content


def new(
    rows: int = 1, columns: int = 1, height: float = style.AXES_INCHES, **subplots: Any
) -> tuple[Figure, np.ndarray]:
    """A figure one column wide and `height` inches high, and its axes, (rows, columns)."""
    figure = Figure(figsize=(style.COLUMN_INCHES, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **subplots)


def legend_below(
    figure: Figure,
    handles: Sequence[Artist],
    texts: Sequence[str],
    notes: Sequence[str] = (),
    dashes: float = 4.5,
) -> Legend:
    """A legend under all axes, in as many columns as fit, `notes` above it; the figure grows by its height.
    `dashes`: width of a handle in letters, 4.5 for lines, whose longest pattern comes twice then, less for marks."""
    texts = [textwrap.fill(text, LEGEND_LETTERS, subsequent_indent="  ") for text in texts]
    lines = [line for note in notes for line in textwrap.wrap(note, LEGEND_LETTERS + 4)]
    legend = _legend(figure, handles, texts, "\n".join(lines), dashes)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + legend.get_window_extent().height / figure.dpi)
    return legend


def _legend(
    figure: Figure, handles: Sequence[Artist], texts: Sequence[str], title: str, dashes: float
) -> Legend:
    width_pixels = figure.get_size_inches()[0] * figure.dpi
    for columns in (4, 3, 2, 1):
        legend = figure.legend(
            handles,
            texts,
            loc="outside lower center",
            ncols=max(1, min(columns, len(handles))),
            title=title,
            frameon=False,
            handlelength=dashes,
            columnspacing=1.2,
            labelspacing=0.35,
            borderpad=0.2,
        )
        legend.get_title().set_multialignment("center")
        if columns == 1 or legend.get_window_extent().width <= width_pixels:
            return legend
        legend.remove()
    raise AssertionError("one column always returns")


def keep_within(axes: Axes, low: float, high: float) -> None:
    """Cuts off the y axis where no value can be: a band around an accuracy of 99 % ends at 100 %."""
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low), min(top, high))


def footnote(figure: Figure, text: str) -> None:
    """A small line under everything, in a strip of its own that the figure grows by. Once per figure, before `encode`."""
    lines = textwrap.wrap(text, FOOTNOTE_LETTERS)
    width, height = figure.get_size_inches()
    strip = (len(lines) * 1.25 * FOOTNOTE_POINTS + 3) / 72
    legends = sum(
        legend.get_window_extent().height / figure.dpi + 2 * PAD_INCHES for legend in figure.legends
    )
    height += strip
    figure.set_size_inches(width, height)
    for legend in figure.legends:  # an anchored one no longer counts in the layout, so its room is kept below
        legend.set_bbox_to_anchor((0, strip / height, 1, 1 - strip / height), figure.transFigure)
    below = (strip + legends) / height
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, below, 1, 1 - below))
    lowest = 1.5 / 72 / height
    figure.text(0.5, lowest, "\n".join(lines), ha="center", va="bottom", fontsize=FOOTNOTE_POINTS)


def _settle(figure: Figure) -> None:
    """Lays the figure out for good, so that every format shows the same one: each drawing would move it a little."""
    if not isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        return
    for _ in range(2):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
