"""What each part of a method is worth: average and final accuracy with parts taken out (P2 Tables 1, 2)."""

from collections.abc import Sequence

import pandas as pd

from altool.analysis.metric import Metric
from altool.analysis.statistics import t_interval
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, metric_of, n_text, shown
from altool.analysis.views.accuracy_table import NOTHING, dashed, measured, table
from altool.core.errors import UserError, did_you_mean


def view(
    study: Study,
    at: str | int | Sequence[str | int] = ("mean", "final"),
    versus: str | None = None,
    metric: str = "accuracy",
) -> list[Output]:
    """A table as `accuracy_table`; with `versus`, a label, another one of the differences to that cell, paired by seed,
    each with its 95 % t interval."""
    wanted = metric_of(metric)
    cells = shown(study, None, metric)
    places = [at] if isinstance(at, str | int) else list(at)
    n = n_text([len(one.seeds) for one in cells])
    outputs = [
        Output(
            "ablation",
            "table",
            None,
            table(cells, places, wanted),
            f"{wanted.axis()}: mean ± standard deviation, {n}.",
        )
    ]
    if versus is not None:
        frame = _differences(study, cells, places, wanted, versus)
        caption = f"{wanted.name} over {versus} ({wanted.difference_unit()}), paired by seed [95 % t interval], {n}."
        outputs.append(Output("ablation_differences", "table", None, frame, caption))
    return outputs


def _differences(
    study: Study, cells: Sequence[Shown], places: Sequence[str | int], metric: Metric, versus: str
) -> pd.DataFrame:
    labels = {one.label for one in cells}
    if versus not in labels:
        raise UserError(f"versus={versus}: {study.name} has no such cell; {did_you_mean(versus, labels)}")
    bases = {one.cell.panel: one for one in cells if one.label == versus}
    rows: dict[str, dict[str, str]] = {}
    for one in cells:
        base = bases.get(one.cell.panel)
        if one.label == versus or base is None:
            continue
        row = rows.setdefault(one.label, {"Strategy": one.label})
        ours, theirs = (measured(c, places, metric.column) for c in (one, base))
        for name in ours.keys() & theirs.keys():
            pair = pd.DataFrame({"a": pd.Series(ours[name], one.values(metric.column).columns)}).join(
                pd.Series(theirs[name], base.values(metric.column).columns, name="b"), how="inner"
            )
            prefix = f"{one.cell.panel} " if len(bases) > 1 else ""
            row[f"{prefix}{name}"] = _interval((pair["a"] - pair["b"]).to_numpy(float), metric)
    columns = table(cells, places, metric).columns
    return dashed(rows.values(), [c for c in columns if c != "n"])


def _interval(differences, metric: Metric) -> str:
    interval = t_interval(differences)
    if interval.n == 0:
        return NOTHING
    low, middle, high = (metric.scale * v for v in (interval.low, interval.mean, interval.high))
    text = f"{middle:+.{metric.decimals}f}"
    return text if interval.n == 1 else f"{text} [{low:+.{metric.decimals}f}, {high:+.{metric.decimals}f}]"
