"""Loss and error after every epoch of one stage (P3 Figs. 5, 9, 10)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from altool.analysis import style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import by_panel, must_have, n_text, of_panel, only, shown, slug
from altool.core.errors import UserError, did_you_mean

AXES = {
    "train_loss": "Training loss",
    "test_loss": "Test loss",
    "test_accuracy": "Test accuracy (%)",
    "test_error": "Test error (%)",
}
ROW_INCHES = 1.35


def view(
    study: Study,
    columns: Sequence[str] | str = ("test_loss",),
    stage: int | str = "last",
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """A figure per panel: each of `columns` (train_loss, test_loss in nats, test_accuracy, test_error) below the other
    against the epoch, counted from 1: mean and one standard deviation over seeds. Needs `trace=last`, of an earlier stage
    `trace=true`."""
    columns = [columns] if isinstance(columns, str) else list(columns)
    for column in columns:
        if column not in AXES:
            raise UserError(f"columns={column}: {did_you_mean(column, AXES)}")
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        found = []
        for one in cells:
            traced = study.epochs(one.cell)
            if traced.empty:
                continue
            traced = only(traced, stage=one.last_stage if stage == "last" else stage)
            if not traced.empty:
                found.append(_means(traced, columns).assign(label=one.label, strategy=one.cell.strategy))
        if not found:
            continue
        frame = pd.concat(found, ignore_index=True).assign(panel=panel)
        which = "the last stage" if stage == "last" else f"stage {stage}"
        n = n_text(frame["n"].tolist())
        caption = of_panel(f"{', '.join(AXES[c].lower() for c in columns)} by epoch", panel)
        caption = f"{caption[0].upper()}{caption[1:]}, {which}: mean ± 1 standard deviation, {n}."
        figure = _draw(frame, columns, n)
        outputs.append(Output(slug("epochs", *columns, panel), "figure", figure, frame, caption))
    wanted = ("epochs", "trace=last") if stage == "last" else (f"epochs of stage {stage}", "trace=true")
    must_have(study, outputs, *wanted)
    return outputs


def _means(traced: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Rows (epoch from 1, column): mean and standard deviation over seeds, in the units of the axes."""
    values = traced.assign(
        epoch=traced["epoch"] + 1,
        test_error=100 * (1 - traced["test_accuracy"]),
        test_accuracy=100 * traced["test_accuracy"],
    )
    tidy = values.melt(["seed", "epoch"], list(columns), "column", "value")
    summary = tidy.groupby(["column", "epoch"])["value"].agg(["mean", "std", "count"]).reset_index()
    return summary.rename(columns={"count": "n"})


@styled()
def _draw(frame: pd.DataFrame, columns: Sequence[str], n: str) -> Figure:
    figure, axes_R_1 = new(len(columns), height=0.25 + max(ROW_INCHES * len(columns), 2), sharex=True)
    cells = frame.drop_duplicates("label")
    looks = style.looks_of(cells["strategy"].tolist())
    cut = False
    for axes, column in zip(axes_R_1[:, 0], columns, strict=True):
        highest = np.inf if "loss" in column else 100.0
        for label, look in zip(cells["label"], looks, strict=True):
            rows = only(frame, label=label, column=column)  # by epoch, as they were grouped
            x, mean, std = (rows[key].to_numpy(float) for key in ("epoch", "mean", "std"))
            every = max(1, len(x) // 8)
            axes.plot(x, mean, color=look.colour, linestyle=look.line, marker=look.marker, markevery=every)
            if np.isfinite(std).any():
                low, high = mean - std, mean + std
                cut |= bool((low < 0).any() or (high > highest).any())
                band = low.clip(0, highest), high.clip(0, highest)  # an error of -5 % is none
                axes.fill_between(x, *band, color=look.colour, alpha=0.14, linewidth=0)
        axes.set_ylabel(AXES[column])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axes.margins(x=0.02)
    axes_R_1[-1, 0].set_xlabel("Epoch")
    axes_R_1[-1, 0].xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    handles = [Line2D([], [], color=k.colour, linestyle=k.line, marker=k.marker) for k in looks]
    spread = f"Mean ± 1 std{', as far as values can be' if cut else ''}, {n}"
    note = spread if frame["n"].to_numpy().max() > 1 else "One seed: no band"
    legend_below(figure, handles, cells["label"].tolist(), [note])
    return figure
