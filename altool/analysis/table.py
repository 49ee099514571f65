"""`altool table`: mean ± std per stage and the area under the curve."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from altool.analysis.curves import Curve, Panel, panels
from altool.analysis.layout import NOTHING, Sheet
from altool.analysis.read import read_stages
from altool.analysis.statistics import mean, std, t_interval
from altool.analysis.summary import summary_frame
from altool.core.errors import UserError, did_you_mean

FORMATS = ("text", "markdown", "latex", "csv")
FALLBACK_COLUMNS = 100  # where the output is no terminal
Rows = list[list[str]]


def render(
    paths: Sequence[Path],
    format: str = "text",
    metric: str = "accuracy",
    relative_to: str | None = None,
    width: int | None = None,
) -> str:
    """The table as text that ends in a newline: csv in raw values, the others in percent or nats.

    relative_to: differences to that strategy, paired by seed, each with its 95 % t interval.
    width: columns of the terminal for `text`; None asks it.
    """
    if format not in FORMATS:
        raise UserError(f"--format {format}: {did_you_mean(format, FORMATS)}")
    if format == "csv":
        return summary_frame(paths, metric, relative_to).to_csv(index=False, lineterminator="\n")
    found = panels(read_stages(paths), metric, relative_to)
    width = width or shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns
    return "\n".join(sheet(panel).show(format, width) for panel in found)


def sheet(panel: Panel) -> Sheet:
    """The table of one panel."""
    return Sheet(_heading(panel), _cells(panel), _notes(panel))


def _cells(panel: Panel) -> Rows:
    """Header and one row per curve: label, n, AUBC, then one column per number of labels."""
    budgets = sorted({int(n) for curve in panel.curves for n in curve.n_labelled_T})
    show = _interval(panel) if panel.relative_to else _spread(panel)
    rows = [["Strategy", "n", "AUBC", *(f"{n:,}" for n in budgets)]]
    for curve in panel.curves:
        per_budget = dict(zip(curve.n_labelled_T.tolist(), curve.values_TS, strict=True))
        stages = [show(per_budget[n]) if n in per_budget else NOTHING for n in budgets]
        rows.append([curve.label, _n(curve), show(curve.aubc_S), *stages])
    return rows


def _n(curve: Curve) -> str:
    low, high = int(curve.n_T.min()), int(curve.n_T.max())
    return str(high) if low == high else f"{low}–{high}"


def _spread(panel: Panel) -> Callable[[np.ndarray], str]:
    scale, decimals = panel.metric.scale, panel.metric.decimals

    def show(values_S: np.ndarray) -> str:
        if not np.isfinite(values_S).any():
            return NOTHING
        middle = f"{scale * mean(values_S):.{decimals}f}"
        spread = scale * std(values_S)
        return f"{middle} ± {spread:.{decimals}f}" if np.isfinite(spread) else middle

    return show


def _interval(panel: Panel) -> Callable[[np.ndarray], str]:
    scale, decimals = panel.metric.scale, panel.metric.decimals

    def show(values_S: np.ndarray) -> str:
        interval = t_interval(values_S)
        if interval.n == 0:
            return NOTHING
        middle = f"{scale * interval.mean:+.{decimals}f}"
        if interval.n == 1:
            return middle
        low, high = scale * interval.low, scale * interval.high
        return f"{middle} [{low:+.{decimals}f}, {high:+.{decimals}f}]"

    return show


def _heading(panel: Panel) -> str:
    if panel.relative_to:
        unit = panel.metric.difference_unit()
        return f"{panel.title}: {panel.metric.name} over {panel.relative_to} ({unit})"
    return f"{panel.title}: {panel.metric.axis()}"


def _notes(panel: Panel) -> list[str]:
    notes = [panel.stamp] if panel.stamp else []
    if panel.relative_to:
        notes += ["Mean difference over seeds, paired by seed and stage [95 % t interval]."]
    else:
        notes += ["Mean ± standard deviation over seeds (n − 1)."]
    notes.append("AUBC: area under the curve over its range of labels; seeds with all stages.")
    counts = {int(n) for curve in panel.curves for n in curve.n_T}
    if 1 in counts:
        notes.append(f"n = 1: no {'interval' if panel.relative_to else 'standard deviation'}.")
    if panel.note:
        notes.append(f"All with {panel.note}.")
    ranges = {(int(c.n_labelled_T[0]), int(c.n_labelled_T[-1])) for c in panel.curves}
    if len(ranges) > 1:
        notes.append("AUBC over different ranges of labels: not to be compared.")
    unfinished = [curve.label for curve in panel.curves if curve.unfinished]
    if unfinished:
        notes.append(f"Not finished: {'; '.join(unfinished)}.")
    return notes
