"""From rows to curves: one per configuration; panels of one dataset, imbalance and learner."""

import json
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from altool.analysis import label, statistics
from altool.analysis.label import Variant
from altool.analysis.metric import METRICS, Metric, find_metric
from altool.core.errors import UserError, did_you_mean

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Curve:
    """One configuration. `values`: rows (stage, n_labelled), a column per seed, nan for a gap."""

    variant: Variant
    label: str
    values: pd.DataFrame
    unfinished: int  # seeds that have not reached their last stage

    @property
    def values_TS(self) -> np.ndarray:
        return self.values.to_numpy(float)

    @property
    def stages_T(self) -> np.ndarray:
        return self.values.index.get_level_values("stage").to_numpy()

    @property
    def n_labelled_T(self) -> np.ndarray:
        return self.values.index.get_level_values("n_labelled").to_numpy()

    @property
    def mean_T(self) -> np.ndarray:
        return np.array([statistics.mean(row) for row in self.values_TS])

    @property
    def std_T(self) -> np.ndarray:
        return np.array([statistics.std(row) for row in self.values_TS])

    @property
    def n_T(self) -> np.ndarray:
        return np.isfinite(self.values_TS).sum(axis=1)

    @property
    def n_seeds(self) -> int:
        return self.values.shape[1]

    @property
    def aubc_S(self) -> np.ndarray:
        """Per seed; nan for one that lacks a stage."""
        return np.array([statistics.aubc(self.n_labelled_T, v_T) for v_T in self.values_TS.T])


@dataclass(frozen=True, eq=False)
class Panel:
    """The curves that belong together. `note`: settings that all share and that differ from the
    defaults. `relative_to`: label of the baseline that was subtracted seed by seed, "" for absolute
    values. `stamp`: what has to be said of smoke runs, which have panels of their own."""

    dataset: str
    imbalance: str
    learner: str
    metric: Metric
    curves: tuple[Curve, ...]
    note: str
    relative_to: str = ""
    stamp: str = ""

    @property
    def title(self) -> str:
        return label.panel_title(self.dataset, self.imbalance, self.learner)

    @property
    def slug(self) -> str:
        """For file names: `cifar10-step100_resnet18`."""
        smoke = "_smoke" if self.stamp else ""
        return f"{self.dataset}-{self.imbalance}_{self.learner}{smoke}"


def panels(stages: pd.DataFrame, metric: str, relative_to: str | None = None) -> list[Panel]:
    """The panels of `read_stages`' table, sorted; their curves in the order of `label.METHODS`.

    `relative_to`: a strategy; each curve becomes its difference to that strategy's, paired by seed
    and stage. Raises UserError where the runs lack the metric or the baseline.
    """
    wanted = find_metric(metric)
    recorded = [m for m in METRICS if m in stages and stages[m].notna().to_numpy().any()]
    if metric not in recorded:
        raise UserError(f"--metric {metric}: these runs did not record it; they have {', '.join(recorded)}.")
    found = []
    for key, frame in stages.dropna(subset=[metric]).groupby(["dataset", "imbalance", "learner", "stamp"]):
        dataset, imbalance, learner, stamp = cast(tuple[str, str, str, str], key)
        curves, note = _curves(frame, metric)
        found.append(Panel(dataset, imbalance, learner, wanted, curves, note, stamp=stamp))
    return found if relative_to is None else _all_relative(found, relative_to)


def _curves(frame: pd.DataFrame, metric: str) -> tuple[tuple[Curve, ...], str]:
    groups = sorted(
        ((_variant(group), group) for _, group in frame.groupby("run")),
        key=lambda pair: _order(pair[0]),
    )
    texts, note = label.labels([variant for variant, _ in groups])
    curves = tuple(
        Curve(
            variant,
            text,
            group.pivot(index=["stage", "n_labelled"], columns="seed", values=metric).sort_index(),
            group["seed"].nunique() - group.loc[group["finished"], "seed"].nunique(),
        )
        for text, (variant, group) in zip(texts, groups, strict=True)
    )
    return curves, note


def _order(variant: Variant) -> tuple[object, ...]:
    plainest_first = (len(variant.overrides), json.dumps(variant.overrides, sort_keys=True))
    return label.sort_key(variant.strategy), *plainest_first, variant.budget, variant.cell


def _variant(group: pd.DataFrame) -> Variant:
    first = group.iloc[0]
    return Variant(
        strategy=first["strategy"],
        compat=first.get("compat", ""),
        overrides=json.loads(first["overrides"]),
        budget=first["budget"],
        cell=first["cell"],
    )


def _all_relative(found: Sequence[Panel], relative_to: str) -> list[Panel]:
    strategies = {curve.variant.strategy for panel in found for curve in panel.curves}
    if relative_to not in strategies:
        hint = did_you_mean(relative_to, strategies)
        raise UserError(f"--relative-to {relative_to}: no such runs among these; {hint}")
    paired = [panel for panel in (_relative(p, relative_to) for p in found) if panel.curves]
    if not paired:
        raise UserError(
            f"--relative-to {relative_to}: no other run has a seed and a stage in common with it; "
            f"run both with the same seeds, budget and learner."
        )
    return paired


def baselines(panel: Panel, strategy: str) -> dict[Hashable, Curve]:
    """The curve of `strategy` for each `setting` that it ran in."""
    by_setting: dict[Hashable, Curve] = {}
    for base in _baselines(panel, strategy):
        # Budgets that differ in their number of stages agree as far as both go, since streams are
        # named, not counted.
        known = by_setting.setdefault(setting(base), base)
        values = known.values.combine_first(base.values)
        by_setting[setting(base)] = replace(known, values=values)
    return by_setting


def _relative(panel: Panel, relative_to: str) -> Panel:
    bases = _baselines(panel, relative_to)
    by_setting = baselines(panel, relative_to)
    curves = []
    for curve in panel.curves:
        base = by_setting.get(setting(curve))
        if curve in bases:
            continue
        if base is not None:
            difference = (curve.values - base.values).dropna(how="all")
            difference = difference.dropna(how="all", axis="columns")
            if not difference.empty:
                curves.append(replace(curve, values=difference))
                continue
        log.warning("%s: %s has no paired runs of %s", panel.title, curve.label, relative_to)
    labels = {base.label for base in by_setting.values()}
    name = labels.pop() if len(labels) == 1 else label.method_name(relative_to)
    return replace(panel, curves=tuple(curves), relative_to=name)


def _baselines(panel: Panel, strategy: str) -> list[Curve]:
    """The curves of `strategy` with its default options, or else with the one set that there is."""
    every = [curve for curve in panel.curves if curve.variant.strategy == strategy]
    chosen = [curve for curve in every if not curve.variant.own()] or every
    if len({tuple(curve.variant.own().items()) for curve in chosen}) > 1:
        raise UserError(
            f"--relative-to {strategy}: which of {'; '.join(curve.label for curve in chosen)}? "
            f"Give the paths of one of them and of the runs to compare."
        )
    return chosen


def setting(curve: Curve) -> Hashable:
    """What has to be equal for a fair pair, beside seed, stage and the number of labels."""
    return tuple(curve.variant.setting().items())
