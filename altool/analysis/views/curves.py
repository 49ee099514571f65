"""Accuracy, or another metric, against the number of labels (P0 Figs. 2 to 5, P1 Figs. 3 to 6, P2 Fig. 3, P3 Fig. 8)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from altool.analysis import statistics
from altool.analysis.curves import Curve, Panel
from altool.analysis.figure import draw
from altool.analysis.label import Variant, items_name, method_name
from altool.analysis.metric import Metric
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, metric_of, n_text, of_panel, shown, slug
from altool.core.errors import UserError, did_you_mean

X_AXES = {"labelled": "n_labelled", "queried": "n_queried", "round": "round"}  # to the columns of the numbers


def view(
    study: Study,
    metric: str = "accuracy",
    relative_to: str | None = None,
    error: bool = False,
    x: str = "labelled",
    pool_panels: bool = False,
    individual: str | Sequence[str] = (),
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """A figure per panel: mean and one standard deviation over seeds.

    relative_to: a label or strategy to subtract, paired by seed and stage. error: 100 % minus the metric. x: what a
    stage is counted in; `queried` leaves the start set out, P3's "# annotations" (L1). pool_panels: the runs of all
    panels as one set of trials (P2 Fig. 3b, d). individual: labels or strategies that get a line per seed, while bands
    of the others go from their lowest to their highest (P2 Figs. 12 to 21).
    """
    if x not in X_AXES:
        raise UserError(f"x={x}: {did_you_mean(x, X_AXES)}")
    wanted = metric_of(metric)
    alone = {individual} if isinstance(individual, str) else set(individual)
    if error:
        wanted = replace(wanted, name=f"{wanted.name} error" if metric != "accuracy" else "Test error")
    cells = shown(study, strategies, metric)
    panels = {"": cells} if pool_panels else by_panel(cells)
    outputs = []
    for panel, members in panels.items():
        drawn = _panel(members, wanted, error, x)
        if relative_to is not None:
            drawn = relative(drawn, members, relative_to)
        drawn = replace(drawn, curves=tuple(part for c in drawn.curves for part in _split(c, alone)))
        axis = {
            "labelled": "",
            "queried": f"Number of queried {items_name(drawn.dataset)}",
            "round": "Round",
        }[x]
        pooled = list(dict.fromkeys(one.cell.panel for one in members)) if pool_panels else []
        outputs.append(output(drawn, panel, axis, X_AXES[x], "range" if alone else "std", pooled))
    return outputs


def output(
    drawn: Panel,
    panel: str,
    axis: str = "",
    column: str = "n_labelled",
    band: str = "std",
    pooled: Sequence[str] = (),
) -> Output:
    """A drawn panel as a view gives it back. `axis`, `column`: how x is called in the figure and in the numbers; `pooled`:
    panels whose runs were taken together."""
    metric = drawn.metric
    stem = "error" if "error" in metric.name else metric.column
    versus = f"vs_{drawn.relative_to}" if drawn.relative_to else ""
    over = f", improvement over {drawn.relative_to} paired by seed" if drawn.relative_to else ""
    trial = "run" if len(pooled) > 1 else "seed"
    n = n_text([int(n) for curve in drawn.curves for n in curve.n_T], trial)
    spread = "mean ± 1 standard deviation" if band == "std" else "mean, lowest and highest"
    together = f" of {'; '.join(pooled)} taken together" if len(pooled) > 1 else ""
    caption = f"{of_panel(metric.axis(), panel)}{over}: {spread}, {n}{together}."
    return Output(
        slug(stem, versus, panel),
        "figure",
        draw(drawn, x_label=axis, band=band, trial=trial),
        _frame(drawn, panel, column),
        caption,
    )


def _panel(members: Sequence[Shown], metric: Metric, error: bool, x: str) -> Panel:
    labels: dict[str, list[Shown]] = {}
    for one in members:
        labels.setdefault(one.label, []).append(one)
    curves = tuple(_curve(label, group, metric.column, error, x) for label, group in labels.items())
    first = members[0].rows.iloc[0]
    return Panel(first["dataset"], first["imbalance"], first["learner"], metric, curves, "")


def _curve(label: str, group: Sequence[Shown], column: str, error: bool, x: str) -> Curve:
    """Of one cell, or of the cells of one label in several panels: a column per run."""
    values = pd.concat([counted(one.values(column), x) for one in group], axis=1).sort_index()
    if error:
        values = 1 - values
    unfinished = sum(
        one.rows["seed"].nunique() - one.rows.loc[one.rows["finished"], "seed"].nunique() for one in group
    )
    values.columns = range(values.shape[1]) if len(group) > 1 else values.columns
    return Curve(variant_of(group[0]), label, values, int(unfinished))


def variant_of(one: Shown) -> Variant:
    """What the style of a line goes by."""
    return Variant(one.cell.strategy, "", {}, "", "")


def counted(values: pd.DataFrame, x: str) -> pd.DataFrame:
    """`values` with its stages counted in x instead of the number of labels."""
    stages, labelled = (values.index.get_level_values(i) for i in (0, 1))
    if x == "labelled":
        return values
    positions = stages + 1 if x == "round" else labelled - labelled[np.argmin(stages)]
    index = pd.MultiIndex.from_arrays([stages, positions], names=["stage", "n_labelled"])
    return values.set_axis(index, axis=0)


def relative(drawn: Panel, members: Sequence[Shown], relative_to: str) -> Panel:
    """The differences to a baseline, seed by seed; of several baselines to the one that was set up most alike."""
    settings = {one.label: set(map(str, one.cell.settings.items())) for one in members}
    bases = [c for c in drawn.curves if relative_to in (c.label, c.variant.strategy)]
    if not bases:
        known = {c.label for c in drawn.curves} | {c.variant.strategy for c in drawn.curves}
        raise UserError(
            f"relative_to={relative_to}: no such runs here yet; {did_you_mean(relative_to, known)}"
        )
    curves = []
    for curve in drawn.curves:
        if curve in bases:
            continue
        base = max(bases, key=lambda b: len(settings[b.label] & settings[curve.label]))
        difference = (curve.values - base.values).dropna(how="all").dropna(how="all", axis="columns")
        if not difference.empty:
            curves.append(replace(curve, values=difference))
    if not curves:
        raise UserError(f"relative_to={relative_to}: no other run has a seed and a stage in common with it.")
    name = bases[0].label if len(bases) == 1 else method_name(bases[0].variant.strategy)
    return replace(drawn, curves=tuple(curves), relative_to=name)


def _split(curve: Curve, alone: set[str]) -> list[Curve]:
    if not {curve.label, curve.variant.strategy} & alone:
        return [curve]
    return [
        replace(curve, label=f"{curve.label}, seed {seed}", values=curve.values[[seed]])
        for seed in curve.values.columns
    ]


def _frame(drawn: Panel, panel: str, column: str) -> pd.DataFrame:
    """The numbers as recorded, accuracy from 0 to 1; differences with their 95 % t interval."""
    rows = []
    for curve in drawn.curves:
        for (stage, x), values_S in zip(curve.values.index, curve.values_TS, strict=True):
            row = {
                "panel": panel,
                "label": curve.label,
                "metric": drawn.metric.column,
                "relative_to": drawn.relative_to,
                "stage": int(stage),
                column: int(x),
                "mean": statistics.mean(values_S),
                "std": statistics.std(values_S),
                "lowest": float(np.nanmin(values_S)),
                "highest": float(np.nanmax(values_S)),
                "n": int(np.isfinite(values_S).sum()),
            }
            if drawn.relative_to:
                interval = statistics.t_interval(values_S)
                row |= {"low": interval.low, "high": interval.high}
            rows.append(row)
    return pd.DataFrame(rows)
