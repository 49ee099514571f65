"""Whom a published sentence compares: its names of strategies, rivals and datasets as cells of a study."""

from dataclasses import dataclass, field

import pandas as pd

from altool.analysis.published import Statement
from altool.analysis.quantity import values
from altool.analysis.read import planned_labels
from altool.analysis.study import Study, StudyCell

SAME = {"mc_dropout": "bald"}  # two names of one strategy
EXTREMES = {"best of ": "best", "worst of ": "worst"}


@dataclass
class Lineup:
    """Label to values (a row per number of labels, a column per panel and seed); {"": None} for no rival; `planned`:
    numbers of labels of the chosen; `missing`: what is not there, in words."""

    chosen: dict[str, pd.DataFrame] = field(default_factory=dict)
    rivals: dict[str, pd.DataFrame | None] = field(default_factory=dict)
    planned: list[int] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def panel_groups(study: Study, dataset: str) -> list[list[str]]:
    """Panels to look at: every one on its own for no `dataset`; those of `A | B` taken together. Of an experiment without
    named panels there is one, which is about its only dataset."""
    known = study.panels()
    named = [name for name in dataset.split(" | ") if name in known]
    if named:
        return [named]
    return [[panel] for panel in known] if not dataset or known == [""] else []


def lineup(study: Study, said: Statement, panels: list[str]) -> Lineup:
    found = Lineup()
    found.chosen = _side(study, said.strategy, said.metric, panels, found.missing)
    planned = {n for frame in found.chosen.values() for n in frame.index}
    here = (cell for cell in study.cells if cell.panel in panels)
    found.planned = sorted(planned or {n for cell in here for n in planned_labels(cell.folder)})
    which = next((prefix for prefix in EXTREMES if said.versus.startswith(prefix)), "")
    if not said.versus:
        found.rivals = {"": None}
        return found
    rivals = _side(study, said.versus.removeprefix(which), said.metric, panels, found.missing)
    if which and rivals and not found.missing:
        found.rivals = {f"the {EXTREMES[which]} other": _extreme(rivals, EXTREMES[which])}
    elif not which:
        found.rivals = dict(rivals)
    return found


def _side(
    study: Study, tokens: str, metric: str, panels: list[str], missing: list[str]
) -> dict[str, pd.DataFrame]:
    found: dict[str, pd.DataFrame] = {}
    for token in tokens.split(" | "):
        cells = named_cells(study, token, panels)
        if not cells:
            missing.append(f"no {token} in this study")
        for label in dict.fromkeys(cell.label for cell in cells):
            parts = {cell.panel: values(study, cell, metric) for cell in cells if cell.label == label}
            found[label] = pd.concat(parts, axis=1)
            if found[label].isna().to_numpy().all():
                missing.append(f"no {metric} of {label} yet")
    return found


def named_cells(study: Study, token: str, panels: list[str]) -> list[StudyCell]:
    """The cells that a name of published.csv means: by label, else by strategy; `A except B` leaves one label out."""
    name, _, left_out = token.partition(" except ")
    here = [cell for cell in study.cells if cell.panel in panels and cell.label != left_out]
    labelled = [cell for cell in here if cell.label == name]
    return labelled or [
        cell for cell in here if SAME.get(cell.strategy, cell.strategy) == SAME.get(name, name)
    ]


def _extreme(rivals: dict[str, pd.DataFrame], which: str) -> pd.DataFrame:
    """Stage by stage the rival with the highest or the lowest mean; nan at a stage that one of them lacks."""
    means = pd.DataFrame({label: frame.mean(axis=1) for label, frame in rivals.items()})
    complete = means.dropna()
    chosen = complete.idxmax(axis=1) if which == "best" else complete.idxmin(axis=1)
    columns = next(iter(rivals.values())).columns
    stages = {stage: rivals[str(label)].loc[stage] for stage, label in chosen.items()}
    return pd.DataFrame(stages, index=columns).T.reindex(means.index)
