"""Accuracy against an option that was swept (P2 Figs. 5, 8, 9; P3 Figs. 6, 7)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from altool.analysis import statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.label import method_name
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, metric_of, n_text, of_panel, shown, slug
from altool.core.errors import UserError, did_you_mean

NAMES = {
    "strategy.percentile": "Percentile rank threshold PR$_T$",
    "strategy.power_iterations": "Power iterations I$_p$",
    "strategy.class_weight": "λ",
    "budget.step": "Labels bought per round",
}
WATCHING = ("trace", "diagnostics")  # keys that change no result
WIDE = 50  # largest over smallest value from which they stand at equal steps


def view(study: Study, key: str, at: str | int = "final", metric: str = "accuracy") -> list[Output]:
    """A figure per panel: mean and one standard deviation over seeds, a line for each setting of the other keys; cells
    that do not have the key as dashed lines.

    at: `final`, `mean` (over the stages, as P2 averages), a number of labels, or `every` for a line at each of them.
    """
    swept = {k for cell in study.cells for k in cell.settings}
    if key not in swept:
        raise UserError(f"key={key}: {study.name} sweeps no such key; {did_you_mean(key, swept)}")
    if isinstance(at, str) and at not in ("final", "mean", "every"):
        raise UserError(f"at={at}: give final, mean, every or a number of labels.")
    outputs = []
    for panel, cells in by_panel(shown(study, None, metric)).items():
        apart = _apart(cells, key)
        frame = pd.DataFrame([row for one in cells for row in _rows(one, key, apart, metric, at)])
        if frame.empty:
            raise UserError(f"at={at}: no run of {study.name} has been there yet.")
        frame = frame.assign(panel=panel, key=key)
        where = {"final": "at the last stage", "mean": "mean over the stages", "every": "at every stage"}
        caption = of_panel(f"{metric_of(metric).axis()} against {key}", panel)
        caption += f", {where.get(str(at), f'at {at} labels')}: {n_text(frame['n'].tolist())}."
        figure = _draw(frame, key, metric)
        outputs.append(
            Output(slug("sensitivity", key.split(".")[-1], panel), "figure", figure, frame, caption)
        )
    return outputs


def _apart(cells: Sequence[Shown], key: str) -> set[str]:
    """Keys besides that tell lines of the sweep apart: those that all of its cells agree in say nothing."""
    swept = [one.cell.settings for one in cells if key in one.cell.settings]
    keys = {
        k for settings in swept for k in settings if k not in (key, "strategy") and not k.startswith(WATCHING)
    }
    return {k for k in keys if len({str(settings.get(k)) for settings in swept}) > 1}


def _rows(one: Shown, key: str, apart: set[str], metric: str, at: str | int) -> list[dict[str, object]]:
    """One row per number of labels that is asked for: the cell's value of the key, and mean and spread over seeds."""
    values = one.values(metric)
    others = {k: v for k, v in one.cell.settings.items() if k in apart}
    more = ", ".join(f"{k.split('.')[-1]}={v}" for k, v in sorted(others.items()))
    line = method_name(one.cell.strategy) + (f" ({more})" if more else "")
    about = {
        "line": line if key in one.cell.settings else one.label,
        "strategy": one.cell.strategy,
        "value": one.cell.settings.get(key),
    }
    if at == "mean":
        complete = values.loc[:, values.notna().all()]
        picked: list[tuple[object, np.ndarray]] = [("mean", complete.mean().to_numpy(float))]
    else:
        labelled = values.index.get_level_values("n_labelled")
        wanted = {"final": labelled == labelled.max(), "every": labelled > 0}.get(str(at), labelled == at)
        chosen = values[wanted]
        picked = [(int(n), row.to_numpy(float)) for (_, n), row in chosen.iterrows()]  # type: ignore[misc]
    return [
        {
            **about,
            "line": f"{about['line']}, {n:,} labels" if at == "every" else about["line"],
            "n_labelled": n,
            "mean": statistics.mean(values_S),
            "std": statistics.std(values_S),
            "n": int(np.isfinite(values_S).sum()),
        }
        for n, values_S in picked
        if np.isfinite(values_S).any()
    ]


@styled()
def _draw(frame: pd.DataFrame, key: str, metric: str) -> Figure:
    figure, ((axes,),) = new()
    wanted = metric_of(metric)
    swept = {value for value in frame["value"].tolist() if not pd.isna(value)}
    ticks = sorted(swept, key=lambda value: (isinstance(value, str), value))
    x_of = _positions(ticks)
    lines = {line: rows for line, rows in frame.groupby("line", sort=False)}
    looks = style.looks_of([rows.iloc[0]["strategy"] for rows in lines.values()])
    handles: list[Line2D] = []
    for (_, rows), look in zip(lines.items(), looks, strict=True):
        mean, std = wanted.scale * rows["mean"], wanted.scale * rows["std"]
        if rows["value"].isna().to_numpy().all():
            axes.axhline(float(mean.iloc[0]), color=look.colour, linestyle=look.line, linewidth=1)
            handles.append(Line2D([], [], color=look.colour, linestyle=look.line))
            continue
        order = np.argsort([x_of[v] for v in rows["value"]])
        x = np.array([x_of[v] for v in rows["value"]])[order]
        axes.errorbar(
            x,
            mean.to_numpy()[order],
            np.nan_to_num(std.to_numpy()[order]),
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            elinewidth=0.7,
            capsize=1.8,
            capthick=0.7,
        )
        handles.append(Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker))
    axes.set_xticks(list(x_of.values()), [f"{v:g}" if isinstance(v, int | float) else str(v) for v in x_of])
    axes.set_xlabel(NAMES.get(key, key))
    axes.set_ylabel(wanted.axis())
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10]))
    counts = frame["n"].tolist()
    note = f"Mean ± 1 std, {n_text(counts)}" if max(counts) > 1 else "One seed: no spread"
    legend_below(figure, handles, [str(line) for line in lines], [note])
    return figure


def _positions(ticks: Sequence[object]) -> dict[object, float]:
    """Where each value stands: at itself, or at equal steps where the values are words or range widely."""
    numbers = [float(v) for v in ticks if isinstance(v, int | float)]
    even = len(numbers) < len(ticks) or not min(numbers) > 0 or max(numbers) / min(numbers) >= WIDE
    return {v: float(i) if even else float(v) for i, v in enumerate(ticks)}  # type: ignore[arg-type]
