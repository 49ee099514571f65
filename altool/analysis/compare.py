"""`altool compare`: how sure one can be that a strategy is better than another, and how many labels it saves."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from altool.analysis.curves import Panel, panels
from altool.analysis.layout import NOTHING, Sheet
from altool.analysis.metric import Metric, find_metric
from altool.analysis.penalty import Penalties, penalties
from altool.analysis.read import read_stages
from altool.analysis.saving import Saving
from altool.analysis.significance import ALPHA, warning
from altool.analysis.standing import Standing, standings
from altool.analysis.statistics import Interval
from altool.analysis.table import FALLBACK_COLUMNS, FORMATS
from altool.core.errors import UserError, did_you_mean

PARTS = ("differences", "labels", "penalty")


def render(
    paths: Sequence[Path],
    part: str | None = None,
    format: str = "text",
    metric: str = "accuracy",
    relative_to: str = "random",
    width: int | None = None,
) -> str:
    """One part, or all of them, as text that ends in a newline; csv takes one part and gives raw values.

    Raises UserError for unknown names and where no two runs can be paired.
    """
    if format not in FORMATS:
        raise UserError(f"--format {format}: {did_you_mean(format, FORMATS)}")
    if part not in (None, *PARTS):
        raise UserError(f"--part {part}: {did_you_mean(str(part), PARTS)}")
    if format == "csv" and part is None:
        raise UserError(f"--format csv holds one table: choose it with --part {' | '.join(PARTS)}.")
    stages = read_stages(paths)
    if format == "csv":
        return _frame(stages, str(part), metric, relative_to).to_csv(index=False, lineterminator="\n")
    sheets = []
    if part != "penalty":
        for panel, found in standings(stages, metric, relative_to):
            sheets += [differences(panel, found)] if part != "labels" else []
            sheets += [_labels(panel, found)] if part != "differences" else []
    if part in (None, "penalty"):
        found = panels(stages, metric)
        judged = [panel for panel in found if not panel.stamp] or found
        sheets.append(_penalty(penalties(judged), find_metric(metric), judged[0].stamp))
    width = width or shutil.get_terminal_size((FALLBACK_COLUMNS, 24)).columns
    return "\n".join(sheet.show(format, width) for sheet in sheets)


def differences(panel: Panel, found: Sequence[Standing]) -> Sheet:
    """How each strategy of the panel stands beside its baseline."""
    head = ["Strategy", "n", "AUBC", "p", "p (Holm)", "last stage", "stages ahead", "labels saved"]
    metric = panel.metric
    rows = [
        [
            s.label,
            str(s.area.n or s.final.n),
            _interval(s.area, metric),
            _p(s.p),
            _p(s.p_holm),
            _interval(s.final, metric),
            f"{s.ahead} of {s.stages}",
            _saved(s.saving),
        ]
        for s in found
    ]
    ends = sorted({s.n_labelled for s in found})
    notes = [
        *_stamped(panel.stamp),
        f"Differences to {panel.relative_to}, paired by seed [95 % t interval]{_direction(metric)}.",
        "p: two-sided paired t test on AUBC; Holm: corrected for the strategies in this table.",
        f"Last stage: {' or '.join(f'{n:,}' for n in ends)} labels. Stages ahead: after the first query, by the means.",
        f"Labels saved: fewer than {panel.relative_to} for the {panel.metric.name} it ends with, on the mean curves; "
        "> and <: a curve ends first.",
    ]
    return Sheet(_heading(panel), [head, *rows], [*notes, *_warnings(s.final.n for s in found)])


def _labels(panel: Panel, found: Sequence[Standing]) -> Sheet:
    budgets = sorted({n for s in found for n in s.savings})
    head = ["Strategy", *(f"{n:,}" for n in budgets)]
    rows = [
        [s.label, *(_signed(s.savings[n]) if n in s.savings else NOTHING for n in budgets)] for s in found
    ]
    base = panel.relative_to
    notes = [
        *_stamped(panel.stamp),
        f"Labels that {base} needs more than the strategy has for an equal mean; interpolated between stages.",
        f"> and <: the curve of {base} ends, or begins, before it gets there.",
    ]
    return Sheet(f"{panel.title}: labels saved against {base}", [head, *rows], notes)


def _stamped(stamp: str) -> list[str]:
    return [stamp] if stamp else []


def _penalty(found: Penalties, metric: Metric, stamp: str) -> Sheet:
    labels = list(found.matrix.index)
    totals = found.matrix.to_numpy(float)
    rows = [
        [label, *("" if i == j else f"{totals[i, j]:.2f}" for j in range(len(labels)))]
        for i, label in enumerate(labels)
    ]
    if labels:
        beaten = totals.sum(axis=0) / max(1, len(labels) - 1)
        rows.append(["(is beaten, mean)", *(f"{share:.2f}" for share in beaten)])
    times = "1 setting" if found.settings == 1 else f"{found.settings} settings"
    notes = [
        f"Row beats column: share of stages after the first query, added up over {times}.",
        f"Paired t test by seed at {100 * ALPHA:g} %, Holm-corrected over the pairs of a stage (after Ash et al. 2020).",
    ]
    if not labels:
        notes = ["No two strategies share two seeds at a stage after the first query: nothing can be tested."]
    else:
        notes += _warnings([found.pairs])
    return Sheet(
        f"Pairwise penalties: {metric.name}", [["beats", *labels], *rows], [*_stamped(stamp), *notes]
    )


def _frame(stages: pd.DataFrame, part: str, metric: str, relative_to: str) -> pd.DataFrame:
    if part == "penalty":
        matrix = penalties(panels(stages, metric)).matrix
        return matrix.rename_axis("beats").reset_index()
    rows = []
    for panel, found in standings(stages, metric, relative_to):
        told = ("dataset", "imbalance", "learner", *["stamp"] * bool(panel.stamp), "relative_to")
        about = {key: getattr(panel, key) for key in told}
        for s in found:
            who = {**about, "metric": metric, "label": s.label}
            if part == "labels":
                rows += [
                    {**who, "n_labelled": n, **_saving_columns(saving)} for n, saving in s.savings.items()
                ]
            else:
                rows.append({**who, **_standing_columns(s)})
    return pd.DataFrame(rows)


def _standing_columns(s: Standing) -> dict[str, object]:
    area = {f"aubc_{key}": value for key, value in vars(s.area).items()}
    final = {f"final_{key}": value for key, value in vars(s.final).items()}
    ahead = {"ahead": s.ahead, "stages": s.stages}
    return {
        **area,
        "p": s.p,
        "p_holm": s.p_holm,
        "n_labelled": s.n_labelled,
        **final,
        **ahead,
        **_saving_columns(s.saving),
    }


def _saving_columns(saving: Saving) -> dict[str, object]:
    return {"labels_saved": saving.labels, "of": saving.of, "bound": saving.bound}


def _heading(panel: Panel) -> str:
    unit = panel.metric.difference_unit()
    return f"{panel.title}: {panel.metric.name} against {panel.relative_to}" + (f" ({unit})" if unit else "")


def _direction(metric: Metric) -> str:
    return "" if metric.higher_is_better else f"; the lower {metric.name} counts as the better, + is better"


def _interval(interval: Interval, metric: Metric) -> str:
    if interval.n == 0:
        return NOTHING
    middle, low, high = (
        f"{metric.scale * value:+.{metric.decimals}f}"
        for value in (interval.mean, interval.low, interval.high)
    )
    return middle if interval.n == 1 else f"{middle} [{low}, {high}]"


def _p(p: float) -> str:
    return NOTHING if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def _saved(saving: Saving) -> str:
    """`1,240 (12 %)`, or `<0`, `>9,000` where a curve ends first."""
    if saving.bound:
        return f"{saving.bound}{saving.labels:,.0f}"
    return f"{saving.labels:,.0f} ({saving.labels / saving.of:.0%})".replace("%", " %")


def _signed(saving: Saving) -> str:
    return f"{saving.bound}{saving.labels:+,.0f}"


def _warnings(counts: Iterable[int]) -> list[str]:
    return [text for n in sorted(set(counts)) if (text := warning(n))]
