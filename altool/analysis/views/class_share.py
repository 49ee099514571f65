"""The share of the rare classes among the labelled, round by round (P2 Fig. 7)."""

from collections.abc import Collection, Sequence

import numpy as np

from altool.analysis.curves import Curve, Panel
from altool.analysis.metric import Metric
from altool.analysis.study import Output, Study
from altool.analysis.views._cells import Shown, by_panel, shown
from altool.analysis.views.curves import counted, output, variant_of
from altool.core.errors import UserError

SHARE = Metric("class_share", "Ratio of rare classes", "", 1, 3)


def view(
    study: Study, classes: Sequence[int] | None = None, strategies: Sequence[str] | None = None
) -> list[Output]:
    """A figure per panel: mean and one standard deviation over seeds against the round, counted from 1.

    classes: ids of the rare ones; None takes what the imbalance cut down.
    """
    outputs = []
    for panel, cells in by_panel(shown(study, strategies, "class_counts")).items():
        rare = set(classes) if classes is not None else rare_classes(study, cells[0])
        curves = tuple(
            Curve(variant_of(one), one.label, counted(share(one, rare), "round"), 0) for one in cells
        )
        first = cells[0].rows.iloc[0]
        drawn = Panel(first["dataset"], first["imbalance"], first["learner"], SHARE, curves, "")
        outputs.append(output(drawn, panel, "Round", "round"))
    return outputs


def share(one: Shown, rare: Collection[int]):
    """Labelled items of the rare classes over all labelled ones; rows (stage, n_labelled), a column per seed."""
    counts = [[int(n) for n in text.split(";")] for text in one.rows["class_counts"]]
    if max(rare) >= len(counts[0]):
        raise UserError(f"classes={sorted(rare)}: {one.label} has the classes 0 to {len(counts[0]) - 1}.")
    shares = [sum(c[k] for k in rare) / sum(c) for c in counts]
    return Shown(one.cell, one.rows.assign(class_share=np.array(shares))).values("class_share")


def rare_classes(study: Study, one: Shown) -> set[int]:
    """The classes that the imbalance cut down. Raises UserError where it names none."""
    n_classes = len(str(one.rows.iloc[0]["class_counts"]).split(";"))
    dominant = dominant_classes(study, one)
    imbalance = study.config(one.cell, one.seeds[0]).get("imbalance", {})
    if imbalance.get("rule") == "cut":
        return set(imbalance["classes"])
    if not dominant:
        raise UserError(f"{study.name}: which classes are rare? Give the view `classes: [ids]`.")
    return set(range(n_classes)) - dominant


def dominant_classes(study: Study, one: Shown) -> set[int]:
    """The classes that alone were left whole (P2's dominant sets), else none."""
    imbalance = study.config(one.cell, one.seeds[0]).get("imbalance", {})
    return set(imbalance["classes"]) if imbalance.get("rule") == "cut_others" else set()
