"""What the discriminator says of labelled and unlabelled items at the last stage (P0 Fig. 7, P1 Fig. 7b)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from altool.analysis import statistics, style
from altool.analysis.canvas import legend_below, new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import by_panel, must_have, n_text, of_panel, only, recorded, shown, slug
from altool.core.errors import UserError, did_you_mean

ROW_INCHES = 1.25
SIDES = {"unlabelled": "discriminator_candidates", "labelled": "discriminator_labelled"}
QUANTITIES = {"output": "Discriminator output", "likelihood": "Likelihood of being unlabelled"}


def view(
    study: Study,
    strategies: Sequence[str] | None = None,
    of: str = "output",
    labelled: bool = True,
    stage: int | str = "last",
    bins: int = 50,
) -> list[Output]:
    """Per panel: histograms of D (1: looks labelled), or of 1 − D (`likelihood`), averaged over seeds, a row per
    method; and a table of how wide they are, since P0 6.3 reads a narrow one as a random choice."""
    if of not in QUANTITIES:
        raise UserError(f"of={of}: {did_you_mean(of, QUANTITIES)}")
    sides = SIDES if labelled else {"unlabelled": SIDES["unlabelled"]}
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        counts: dict[str, pd.DataFrame] = {}
        widths: list[pd.DataFrame] = []
        for one in cells:
            found = recorded(study, one, list(sides.values()), stage)
            if not found:
                continue
            spread = pd.DataFrame(
                [
                    {"side": side, **_spread(_values(r.arrays[key], of)), "n_labelled": r.n_labelled}
                    for r in found
                    for side, key in sides.items()
                ]
            )
            widths.append(spread.assign(label=one.label))
            counts[one.label] = pd.concat(
                _counts([_values(r.arrays[key], of) for r in found], bins).assign(side=side, label=one.label)
                for side, key in sides.items()
            )
        if not counts:
            continue
        frame = pd.concat(counts.values(), ignore_index=True).assign(panel=panel)
        spreads = pd.concat(widths, ignore_index=True)
        n = n_text(frame["n"].tolist())
        at = sorted(spreads["n_labelled"].unique())
        caption = of_panel(QUANTITIES[of], panel)
        caption += f" at {' to '.join(f'{int(k):,}' for k in {at[0]: 0, at[-1]: 0})} labels, {n}."
        figure = _draw(frame, of, n, bins)
        outputs.append(Output(slug("discriminator", panel), "figure", figure, frame, caption))
        outputs.append(
            Output(slug("discriminator_spread", panel), "table", None, _table(spreads, panel), caption)
        )
    must_have(study, outputs, "discriminator outputs", "diagnostics.arrays=true (diagnostics.final=true)")
    return outputs


def _values(outputs_N: np.ndarray, of: str) -> np.ndarray:
    return outputs_N if of == "output" else 1 - outputs_N


def _counts(per_seed: Sequence[np.ndarray], bins: int) -> pd.DataFrame:
    """Items per bin between 0 and 1, mean and standard deviation over seeds."""
    edges = np.linspace(0, 1, bins + 1)
    counts_S_B = np.array([np.histogram(values, edges)[0] for values in per_seed], float)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "mean": counts_S_B.mean(0),
            "std": counts_S_B.std(0, ddof=1) if len(per_seed) > 1 else np.nan,
            "n": len(per_seed),
        }
    )


def _spread(values: np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return {"median": middle, "std": float(values.std()), "range_5_95": high - low}


def _table(spreads: pd.DataFrame, panel: str) -> pd.DataFrame:
    """Median, standard deviation and 5 to 95 % range of the outputs: mean and standard deviation over seeds."""
    rows = []
    for (label, side), group in spreads.groupby(["label", "side"], sort=False):  # type: ignore[misc]
        row: dict[str, object] = {"panel": panel, "label": label, "side": side, "n": len(group)}
        for name in ("median", "std", "range_5_95"):
            values = group[name].to_numpy(float)
            row |= {f"{name}_mean": statistics.mean(values), f"{name}_sd": statistics.std(values)}
        rows.append(row)
    return pd.DataFrame(rows)


@styled()
def _draw(frame: pd.DataFrame, of: str, n: str, bins: int) -> Figure:
    labels = list(dict.fromkeys(frame["label"]))
    figure, axes_R_1 = new(len(labels), height=0.35 + ROW_INCHES * len(labels), sharex=True)
    looks = {"unlabelled": (style.PALE, style.GREY, ""), "labelled": ("none", style.BLACK, "")}
    for axes, label in zip(axes_R_1[:, 0], labels, strict=True):
        for side, (face, edge, _) in looks.items():
            rows = only(frame, label=label, side=side)
            if rows.empty:
                continue
            edges = [*rows["low"], rows["high"].iloc[-1]]
            axes.stairs(
                rows["mean"], edges, fill=side == "unlabelled", color=face if face != "none" else edge
            )
            axes.stairs(rows["mean"], edges, color=edge, linewidth=0.8)
        axes.set_title(label, loc="left", pad=3)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("Samples")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, steps=[1, 2, 5, 10]))
    axes_R_1[-1, 0].set_xlabel(QUANTITIES[of] + (" (1: labelled)" if of == "output" else ""))
    axes_R_1[-1, 0].set_xlim(0, 1)
    sides = list(dict.fromkeys(frame["side"]))
    handles = [Patch(facecolor=looks[side][0], edgecolor=looks[side][1], linewidth=0.8) for side in sides]
    legend_below(figure, handles, [side.capitalize() for side in sides], [f"Mean over {n}; {bins} bins"])
    return figure
