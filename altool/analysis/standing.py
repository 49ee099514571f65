"""How each strategy stands beside a baseline, in pairs of equal seed: area, end, labels saved, and how sure that is."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from altool.analysis.curves import Curve, Panel, baselines, panels, setting
from altool.analysis.saving import Saving, saving_at_the_end, savings_by_stage
from altool.analysis.significance import holm, paired_t_p
from altool.analysis.statistics import Interval, t_interval


@dataclass(frozen=True, eq=False)
class Standing:
    """One strategy beside the baseline; differences in raw units, above 0 is better whatever the metric.

    `area`: of AUBC over the seeds that have every stage; `p`: of its t test, `p_holm`: corrected for the strategies of the
    panel; `final`: at `n_labelled`, the last stage both have; `ahead`: stages with a better mean of the `stages` after the
    first query; `saving`: at the baseline's last score; `savings`: by number of labels.
    """

    label: str
    area: Interval
    p: float
    p_holm: float
    final: Interval
    n_labelled: int
    ahead: int
    stages: int
    saving: Saving
    savings: dict[int, Saving]


def standings(stages: pd.DataFrame, metric: str, to: str) -> list[tuple[Panel, list[Standing]]]:
    """Of `read_stages`' table: each panel of differences to strategy `to` that has any, with its curves' standings."""
    absolute = {_place(panel): panel for panel in panels(stages, metric)}
    return [
        (relative, _of_panel(relative, absolute[_place(relative)], to))
        for relative in panels(stages, metric, to)
    ]


def _place(panel: Panel) -> tuple[str, ...]:
    return panel.dataset, panel.imbalance, panel.learner, panel.stamp


def _of_panel(relative: Panel, absolute: Panel, to: str) -> list[Standing]:
    bases = baselines(absolute, to)
    curves = {curve.label: curve for curve in absolute.curves}
    sign = 1 if absolute.metric.higher_is_better else -1
    found = [_standing(c, curves[c.label], bases[setting(c)], sign) for c in relative.curves]
    adjusted = holm(np.array([standing.p for standing in found]))
    return [replace(standing, p_holm=float(p)) for standing, p in zip(found, adjusted, strict=True)]


def _standing(difference: Curve, ours: Curve, base: Curve, sign: int) -> Standing:
    rows, seeds = difference.values.index, difference.values.columns
    paired = difference.values.notna()
    ours_T, base_T = (
        sign * curve.values.reindex(rows, columns=seeds).where(paired).mean(axis=1).to_numpy(float)
        for curve in (ours, base)
    )
    n_T, after_T = difference.n_labelled_T, difference.stages_T > 0
    areas_S = sign * difference.aubc_S
    savings = zip(n_T[after_T], np.array(savings_by_stage(n_T, ours_T, base_T))[after_T], strict=True)
    return Standing(
        label=difference.label,
        area=t_interval(areas_S),
        p=paired_t_p(areas_S),
        p_holm=float("nan"),
        final=t_interval(sign * difference.values_TS[-1]),
        n_labelled=int(n_T[-1]),
        ahead=int(np.sum((ours_T > base_T)[after_T])),
        stages=int(after_T.sum()),
        saving=saving_at_the_end(n_T, ours_T, base_T),
        savings={int(n): saving for n, saving in savings},
    )
