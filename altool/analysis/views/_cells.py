"""The cells of a study that have something to show, and the numbers that most views begin with."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from altool.analysis.metric import METRICS, Metric
from altool.analysis.study import Study, StudyCell
from altool.core.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Shown:
    """A cell with its rows of stages.csv, at least one."""

    cell: StudyCell
    rows: pd.DataFrame

    @property
    def label(self) -> str:
        return self.cell.label

    @property
    def seeds(self) -> list[int]:
        return sorted(int(seed) for seed in self.rows["seed"].unique())

    def values(self, column: str) -> pd.DataFrame:
        """Rows (stage, n_labelled), a column per seed, nan for a gap."""
        return self.rows.pivot(index=["stage", "n_labelled"], columns="seed", values=column).sort_index()

    @property
    def last_stage(self) -> int:
        return int(self.rows["stage"].to_numpy().max())


def shown(study: Study, strategies: Collection[str] | None = None, column: str = "stage") -> list[Shown]:
    """The cells with rows that have `column`, of the named labels or strategies alone. Raises UserError where none is."""
    known = {cell.label for cell in study.cells} | {cell.strategy for cell in study.cells}
    for name in strategies or ():
        if name not in known:
            raise UserError(f"{study.name} has no cell {name}: {did_you_mean(name, known)}")
    found = []
    for cell in study.cells:
        if strategies is not None and not {cell.label, cell.strategy} & set(strategies):
            continue
        rows = only(study.stages, label=cell.label, panel=cell.panel)
        if column in rows and rows[column].notna().to_numpy().any():
            found.append(Shown(cell, rows.dropna(subset=[column])))
    if not found:
        if study.stages.empty:
            raise UserError(f"{study.name}: no run of it has a finished stage yet.")
        raise UserError(f"{study.name}: its runs have no {column} on record.")
    return found


def only(frame: pd.DataFrame, **equal: Any) -> pd.DataFrame:
    """The rows whose columns have these values."""
    for column, value in equal.items():
        frame = cast(pd.DataFrame, frame.loc[frame[column] == value])
    return frame


def metric_of(name: str) -> Metric:
    """A metric of stages.csv; `val_accuracy` is the accuracy on the validation split (P2 Table 1)."""
    plain = METRICS.get(name.removeprefix("val_"))
    if plain is None:
        raise UserError(f"metric={name}: {did_you_mean(name, METRICS)}")
    if not name.startswith("val_"):
        return plain
    return replace(plain, column=name, name=f"Validation {plain.name[0].lower()}{plain.name[1:]}")


def by_panel(cells: Sequence[Shown]) -> dict[str, list[Shown]]:
    panels: dict[str, list[Shown]] = {}
    for one in cells:
        panels.setdefault(one.cell.panel, []).append(one)
    return panels


def slug(*parts: str) -> str:
    """A file stem: `accuracy`, `accuracy_cifar_10_1`."""
    words = (re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in parts)
    return "_".join(word for word in words if word)


def n_text(counts: Collection[int], trial: str = "seed") -> str:
    """`n = 5 seeds`, `n = 3 to 5 seeds`, `n = 1 seed`; `trial`: what is counted, run where seeds of several sets are one."""
    return f"n = {how_many(counts, trial)}"


def how_many(counts: Collection[int], noun: str, plural: str = "") -> str:
    """`5 seeds`, `3 to 5 seeds`, `1 seed`."""
    low, high = min(counts), max(counts)
    return f"{high if low == high else f'{low} to {high}'} {noun if high == 1 else plural or f'{noun}s'}"


def of_panel(text: str, panel: str) -> str:
    return f"{text}, {panel}" if panel else text


@dataclass(frozen=True)
class Recorded:
    """The arrays of one stage of one seed."""

    seed: int
    stage: int
    n_labelled: int
    arrays: dict[str, np.ndarray]


def recorded(
    study: Study,
    one: Shown,
    keys: Collection[str],
    stage: int | str = "last",
    seeds: Sequence[int] | None = None,
) -> list[Recorded]:
    """Per seed the arrays of `stage`, or of the last stage that holds all of `keys`; seeds without them are left out."""
    found = []
    for seed in one.seeds if seeds is None else seeds:
        rows = only(one.rows, seed=seed)
        labelled = dict(zip(rows["stage"].tolist(), rows["n_labelled"].tolist(), strict=True))
        for number in sorted(labelled, reverse=True) if stage == "last" else labelled.keys() & {stage}:
            arrays = study.arrays(one.cell, seed, number)
            if set(keys) <= arrays.keys():
                found.append(Recorded(seed, number, labelled[number], arrays))
                break
    return found


def purchases(study: Study, one: Shown, seed: int) -> pd.DataFrame:
    """acquired.csv of a seed: stage, index and label at least; empty where there is none."""
    acquired = study.acquired(one.cell)
    return only(acquired, seed=seed) if len(acquired) else pd.DataFrame(columns=["stage", "index", "label"])


def must_have(study: Study, found: Collection[object], what: str, ask_for: str) -> None:
    """Raises UserError where no run recorded what a view needs; `ask_for`: the key that records it."""
    if not found:
        raise UserError(
            f"{study.name}: no run recorded {what}. Run it with {ask_for}; a finished run needs rerun=true as well."
        )
