"""How wanted the same example images are under each method (P2 Fig. 1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from altool.analysis import statistics, style
from altool.analysis.canvas import new, styled
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import (
    Recorded,
    Shown,
    by_panel,
    must_have,
    n_text,
    of_panel,
    recorded,
    shown,
    slug,
)
from altool.analysis.views.class_share import dominant_classes
from altool.analysis.views.image_grid import picture_on
from altool.core.errors import UserError

NEEDED = ("candidates", "scores", "true_labels", "predicted", "example_indices", "example_images")


def view(
    study: Study,
    n: int = 3,
    stage: int = 0,
    seed: int | None = None,
    judge: str = "vab_al",
    classes: Sequence[int] | None = None,
    strategies: Sequence[str] | None = None,
) -> list[Output]:
    """Per panel: importance is the share of candidates with a lower score, in percent, since scores of different methods
    have different units. Left `n` images of a dominant class that are classified rightly, right `n` of rare classes
    that are not, the first ones of the recorded examples; predictions are those of the model of `judge`. The table has
    the means over all such candidates and all seeds, which no choice of examples can flatter.
    """
    outputs = []
    for panel, cells in by_panel(shown(study, strategies)).items():
        found = {one.label: recorded(study, one, NEEDED, stage) for one in cells}
        cells = [one for one in cells if found[one.label]]
        if not cells:
            continue
        dominant = set(classes) if classes is not None else dominant_classes(study, cells[0])
        if not dominant:
            raise UserError(f"{study.name}: which class is dominant? Give the view `classes: [ids]`.")
        table = pd.DataFrame([_means(one.label, found[one.label], dominant) for one in cells])
        n_seeds = n_text(table["n"].tolist())
        caption = of_panel("Importance, the percentile of the score among the candidates", panel)
        title = slug("importance_by_group", panel)
        outputs.append(
            Output(title, "table", None, table.assign(panel=panel), f"{caption}: means, {n_seeds}.")
        )
        judging = next((one for one in cells if judge in (one.label, one.cell.strategy)), cells[-1])
        frame, images = _examples(study, cells, found, judging, dominant, n, seed)
        if frame.empty:
            continue
        caption += f", predictions of {judging.label}'s model, seed {int(frame.iloc[0]['seed'])}."
        figure = _draw(frame, images)
        outputs.append(
            Output(slug("importance", panel), "figure", figure, frame.assign(panel=panel), caption)
        )
    must_have(study, outputs, "audited examples", "diagnostics.audit=true, on a set of images")
    return outputs


def percentiles(scores_N: np.ndarray) -> np.ndarray:
    """0 for the lowest score to 100 for the highest, ties in the middle."""
    if len(scores_N) < 2:
        return np.full(len(scores_N), 50.0)
    return 100 * (rankdata(scores_N) - 1) / (len(scores_N) - 1)


def _means(label: str, runs: Sequence[Recorded], dominant: set[int]) -> dict[str, object]:
    """Mean percentile of the dominant class where it is classified rightly, and of the rare ones where they are not."""
    groups: dict[str, list[float]] = {"dominant_right": [], "rare_wrong": []}
    for run in runs:
        a = run.arrays
        is_dominant, right = np.isin(a["true_labels"], list(dominant)), a["true_labels"] == a["predicted"]
        percent = percentiles(a["scores"])
        for name, members in (("dominant_right", is_dominant & right), ("rare_wrong", ~is_dominant & ~right)):
            groups[name].append(float(percent[members].mean()) if members.any() else np.nan)
    row: dict[str, object] = {"label": label}
    for name, values in groups.items():
        row |= {
            f"{name}_mean": statistics.mean(np.array(values)),
            f"{name}_std": statistics.std(np.array(values)),
        }
    return {**row, "n": len(runs)}


def _examples(
    study: Study,
    cells: Sequence[Shown],
    found: dict[str, list[Recorded]],
    judging: Shown,
    dominant: set[int],
    n: int,
    seed: int | None,
) -> tuple[pd.DataFrame, dict[int, np.ndarray]]:
    """The chosen examples with every method's percentile, a row each, and their images by dataset index."""
    run = next((r for r in found[judging.label] if seed in (None, r.seed)), found[judging.label][0])
    peers = {one.label: r for one in cells for r in found[one.label] if r.seed == run.seed}
    common = set.intersection(*({int(i) for i in r.arrays["candidates"]} for r in peers.values()))
    a = run.arrays
    where = {int(i): at for at, i in enumerate(a["candidates"])}
    names = study.run(judging.cell, run.seed).get("classes", [])
    groups: dict[str, list[int]] = {"dominant": [], "rare": []}
    for index in (int(i) for i in a["example_indices"] if int(i) in common):
        truth, said = (int(a[key][where[index]]) for key in ("true_labels", "predicted"))
        if truth in dominant and truth == said:
            groups["dominant"].append(index)
        elif truth not in dominant and truth != said:
            groups["rare"].append(index)
    rows = []
    for label, peer in peers.items():
        places = {int(i): at for at, i in enumerate(peer.arrays["candidates"])}
        percent = percentiles(peer.arrays["scores"])
        for group, members in groups.items():
            for index in members[:n]:
                truth, said = (int(a[key][where[index]]) for key in ("true_labels", "predicted"))
                rows.append(
                    {
                        "label": label,
                        "seed": run.seed,
                        "index": index,
                        "group": group,
                        "class": names[truth] if truth < len(names) else str(truth),
                        "predicted": names[said] if said < len(names) else str(said),
                        "percentile": float(percent[places[index]]),
                    }
                )
    images = {int(i): picture for i, picture in zip(a["example_indices"], a["example_images"], strict=True)}
    return pd.DataFrame(rows), images


@styled()
def _draw(frame: pd.DataFrame, images: dict[int, np.ndarray]) -> Figure:
    labels, indices = list(dict.fromkeys(frame["label"])), list(dict.fromkeys(frame["index"]))
    side = (style.COLUMN_INCHES - 0.75) / len(indices)
    heights = [side + 0.24, 0.2 * len(labels)]
    figure, grid = new(2, len(indices), height=sum(heights) + 0.08, gridspec_kw={"height_ratios": heights})
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)  # type: ignore[call-arg]
    for column, index in enumerate(indices):
        of_image = frame[frame["index"] == index].set_index("label")
        first = of_image.iloc[0]
        picture_on(grid[0, column], images[int(index)])
        grid[0, column].set_xlabel(f"y: {first['class']}\nŷ: {first['predicted']}", fontsize=5.5, labelpad=1)
        _bars(grid[1, column], of_image.loc[labels, "percentile"].to_numpy(float))
    grid[1, 0].set_yticks(range(len(labels)), labels, fontsize=6.5)
    return figure


def _bars(axes, percent: np.ndarray) -> None:
    """One image's percentiles, a bar per method with its number."""
    axes.barh(range(len(percent)), percent, 0.8, color=style.PALE, edgecolor=style.GREY, linewidth=0.4)
    for at, value in enumerate(percent):
        axes.text(50, at, f"{value:.0f}", ha="center", va="center", fontsize=6)
    axes.set(xlim=(0, 100), ylim=(len(percent) - 0.5, -0.5), xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.4)
