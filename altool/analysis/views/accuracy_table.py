"""Accuracy as a table: a row per method, a column per number of labels, or mean and last (P2 and P3 Tables)."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from altool.analysis import statistics
from altool.analysis.metric import Metric
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, metric_of, n_text, shown
from altool.core.errors import UserError

NOTHING = "–"
PLACES = ("final", "mean", "every")


def view(
    study: Study,
    at: str | int | Sequence[str | int] = "every",
    metric: str = "accuracy",
    queried: bool = False,
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """One table; columns of several panels stand beside each other. Cells read `mean ± standard deviation` over seeds.

    at: `final`, `mean` (over the stages, of seeds that have all), `every`, numbers of labels, or a list of these.
    queried: columns count what was bought after the start set, P3's "# annotations" (L1).
    """
    wanted = metric_of(metric)
    cells = shown(study, strategies, metric)
    places = [at] if isinstance(at, str | int) else list(at)
    frame = table(cells, places, wanted, queried)
    caption = f"{wanted.axis()}: mean ± standard deviation, {n_text([len(one.seeds) for one in cells])}."
    return [
        Output("accuracy_table" if metric == "accuracy" else f"{metric}_table", "table", None, frame, caption)
    ]


def table(
    cells: Sequence[Shown], places: Sequence[str | int], metric: Metric, queried: bool = False
) -> pd.DataFrame:
    """Columns: Strategy, n, then per panel and place. A cell without runs there has a dash."""
    panels = list(dict.fromkeys(one.cell.panel for one in cells))
    rows: dict[str, dict[str, str]] = {}
    for one in cells:
        row = rows.setdefault(one.label, {"Strategy": one.label, "n": ""})
        row["n"] = _joined(row["n"], str(len(one.seeds)))
        for name, values_S in measured(one, places, metric.column, queried).items():
            prefix = f"{one.cell.panel} " if len(panels) > 1 else ""
            row[f"{prefix}{name}"] = spread(values_S, metric)
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    for panel in panels:  # what was asked for by number has its column, also before any run has come there
        prefix = f"{panel} " if len(panels) > 1 else ""
        columns += [c for n in places if isinstance(n, int) and (c := f"{prefix}{n:,}") not in columns]
    ordered = [*columns[:2], *sorted(columns[2:], key=lambda c: _order(c, panels))]
    return dashed(rows.values(), ordered)


def dashed(rows: Iterable[Mapping[str, str]], columns: Sequence[str]) -> pd.DataFrame:
    """The rows under these columns, a dash where a row has none."""
    return pd.DataFrame([[row.get(c, NOTHING) for c in columns] for row in rows], columns=list(columns))


def measured(
    one: Shown, places: Sequence[str | int], column: str, queried: bool = False
) -> dict[str, np.ndarray]:
    """Column heading to one value per seed, nan for a gap."""
    values = one.values(column)
    labelled = values.index.get_level_values("n_labelled").to_numpy()
    counted = labelled - labelled.min() if queried else labelled
    found: dict[str, np.ndarray] = {}
    for place in places:
        if place == "final":
            complete = values.index.get_level_values("stage").to_numpy() == one.cell.stages - 1
            if complete.any():
                found["final"] = values[complete].to_numpy(float)[0]
        elif place == "mean":
            found["avg."] = np.where(
                values.notna().all() & (len(values) == one.cell.stages), values.mean(), np.nan
            )
        elif place == "every" or isinstance(place, int):
            for n, row in zip(counted, values.to_numpy(float), strict=True):
                if place in ("every", n):
                    found[f"{n:,}"] = row
        else:
            raise UserError(f"at={place}: give {', '.join(PLACES)} or a number of labels.")
    return found


def spread(values_S: np.ndarray, metric: Metric) -> str:
    """`54.16 ± 0.52` in the metric's unit; without a spread for one seed."""
    if not np.isfinite(values_S).any():
        return NOTHING
    middle, sd = metric.scale * statistics.mean(values_S), metric.scale * statistics.std(values_S)
    text = f"{middle:.{metric.decimals}f}"
    return f"{text} ± {sd:.{metric.decimals}f}" if np.isfinite(sd) else text


def _joined(old: str, new: str) -> str:
    return new if old in ("", new) else f"{old}, {new}"


def _order(column: str, panels: Sequence[str]) -> tuple[int, int, int]:
    """By panel, then numbers of labels, then the average, then the last."""
    name = column
    number = 0
    for i, panel in enumerate(panels):
        if len(panels) > 1 and column.startswith(f"{panel} "):
            name, number = column.removeprefix(f"{panel} "), i
    digits = name.replace(",", "")
    late = {"avg.": 1, "final": 2}
    return (number, late[name], 0) if name in late else (number, 0, int(digits))
