"""A study: the runs of one experiment as its views see them, and what a view gives back. Reads records only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure

from altool.analysis.read import read_stages
from altool.core.errors import RunConflict, UserError, did_you_mean
from altool.core.naming import seed_name
from altool.core.records import Identity, Metrics, Seconds, StageRecord
from altool.core.runfolder import read_run

SMOKE = "Smoke scale: no result."  # stamp of the records that do not say theirs
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster, where PyYAML was built with it
CELL_DEPTH = 4  # <dataset>-<imbalance>/<learner>/<strategy>/<budget>


@dataclass(frozen=True)
class StudyCell:
    """One cell. `label`: for legends, unique within its panel; `settings`: what the grid swept, by dotted key; `folder`:
    may not exist yet; `seeds`: wanted; `stages`: fitted models per seed when complete; `words`: after `altool run`."""

    label: str
    panel: str
    strategy: str
    settings: Mapping[str, Any]
    folder: Path
    seeds: tuple[int, ...]
    stages: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """What a view made. `name`: file stem; `frame`: a figure's numbers, or the table; `caption`: a sentence or two."""

    name: str
    kind: Literal["figure", "table"]
    figure: Figure | None
    frame: pd.DataFrame | None
    caption: str


@dataclass(frozen=True, eq=False)
class Study:
    """`spec`: the `reproduce:` node of the experiment; `generated`: smoke scale or generated data, never to be judged;
    `datasets`: sizes and class counts of the cells' pools where the experiment measures data (else empty); `stamp`: what
    every figure has to say of its runs, where they are not the paper's, or not all; `command`: what makes it again."""

    name: str
    spec: Mapping[str, Any]
    cells: tuple[StudyCell, ...]
    generated: bool = False
    datasets: pd.DataFrame = field(default_factory=pd.DataFrame)
    stamp: str = ""
    command: str = ""

    @cached_property
    def stages(self) -> pd.DataFrame:
        """`read_stages`' rows of every wanted seed, plus label and panel, in the order of the cells."""
        found = [rows for cell in self.cells if (rows := self._stages_of(cell)) is not None]
        if found:
            return pd.concat(found, ignore_index=True)
        return pd.DataFrame(columns=[*_columns(), "label", "panel"])

    def _stages_of(self, cell: StudyCell) -> pd.DataFrame | None:
        folders = [self.seed_folder(cell, seed) for seed in self.seeds_on_disk(cell)]
        return read_stages(folders).assign(label=cell.label, panel=cell.panel) if folders else None

    def panels(self) -> list[str]:
        return list(dict.fromkeys(cell.panel for cell in self.cells))

    def cell(self, label: str, panel: str | None = None) -> StudyCell:
        """The cell of that label (in that panel, or in the first that has it). Raises UserError."""
        for cell in self.cells:
            if cell.label == label and panel in (None, cell.panel):
                return cell
        known = {cell.label for cell in self.cells}
        raise UserError(f"{self.name} has no cell {label}: {did_you_mean(label, known)}")

    def seed_folder(self, cell: StudyCell, seed: int) -> Path:
        return cell.folder / seed_name(seed)

    def seeds_on_disk(self, cell: StudyCell) -> list[int]:
        """Wanted seeds with at least one finished stage."""
        return [seed for seed in cell.seeds if _has_rows(self.seed_folder(cell, seed) / "stages.csv")]

    def acquired(self, cell: StudyCell) -> pd.DataFrame:
        """acquired.csv of the wanted seeds, one below the other, with a column seed; empty where there is none."""
        return self._table(cell, "acquired.csv")

    def diagnostics(self, cell: StudyCell) -> pd.DataFrame:
        """diagnostics.csv, as `acquired`."""
        return self._table(cell, "diagnostics.csv")

    def epochs(self, cell: StudyCell) -> pd.DataFrame:
        """epochs.csv, as `acquired`."""
        return self._table(cell, "epochs.csv", of_numbers=True)

    def arrays(self, cell: StudyCell, seed: int, stage: int) -> dict[str, np.ndarray]:
        """diagnostics/stage_NNN.npz, {} where there is none."""
        path = self.seed_folder(cell, seed) / "diagnostics" / f"stage_{stage:03d}.npz"
        if not path.exists():
            return {}
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (OSError, ValueError, EOFError, BadZipFile) as error:
            raise RunConflict(f"{path} is damaged: {error}.") from None

    def run(self, cell: StudyCell, seed: int) -> dict[str, Any]:
        """run.json, {} where there is none."""
        return read_run(self.seed_folder(cell, seed)) or {}

    def config(self, cell: StudyCell, seed: int) -> dict[str, Any]:
        """config.yaml of the seed folder, {} where there is none."""
        path = self.seed_folder(cell, seed) / "config.yaml"
        try:
            return yaml.load(path.read_bytes(), _YAML) or {} if path.exists() else {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RunConflict(f"{path} is damaged: {error}.") from None

    def _table(self, cell: StudyCell, name: str, of_numbers: bool = False) -> pd.DataFrame:
        found = []
        for seed in cell.seeds:
            path = self.seed_folder(cell, seed) / name
            if not _has_rows(path):
                continue
            try:
                table = pd.read_csv(path)
                numbers = table.select_dtypes("number").dropna(axis="columns")
                wrong = [*table.columns.difference(numbers.columns)]
                if of_numbers and wrong:
                    raise RunConflict(f"{path} is damaged: not every {wrong[0]} is a number.")
                found.append(table.assign(seed=seed))
            except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
                raise RunConflict(f"{path} is damaged: {error}.") from None
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()

    def as_record(self) -> dict[str, Any]:
        """Plain data for study.json; `load_study` reads it again. Folders are absolute."""
        cells = [
            {
                **{key: getattr(cell, key) for key in ("label", "panel", "strategy", "stages")},
                "settings": dict(cell.settings),
                "folder": str(cell.folder),
                "seeds": list(cell.seeds),
                "words": list(cell.words),
            }
            for cell in self.cells
        ]
        datasets = self.datasets.to_dict("records")
        return {
            "name": self.name,
            "spec": dict(self.spec),
            "generated": self.generated,
            "stamp": self.stamp,
            "command": self.command,
            "cells": cells,
            "datasets": datasets,
        }


def load_study(path: Path) -> Study:
    """The study of a study.json at OUTPUTS/reproduce/NAME. Raises UserError where the file is none.

    Runs that are not where they were, since OUTPUTS was moved or copied, are those at the same place below it.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple(
            StudyCell(
                **{
                    **cell,
                    "folder": _moved(Path(cell["folder"]), path),
                    "seeds": tuple(cell["seeds"]),
                    "words": tuple(cell["words"]),
                }
            )
            for cell in record["cells"]
        )
        datasets = pd.DataFrame(record["datasets"])
        stamp = record.get("stamp", SMOKE if record["generated"] else "")
        told = (stamp, record.get("command", ""))
        return Study(record["name"], record["spec"], cells, record["generated"], datasets, *told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no record of a study ({error}); altool reproduce writes it.") from None


def _moved(folder: Path, record: Path) -> Path:
    if folder.is_dir() or len(folder.parts) < CELL_DEPTH:
        return folder
    beside = record.absolute().parents[2].joinpath(*folder.parts[-CELL_DEPTH:])
    return beside if beside.is_dir() else folder


def _has_rows(path: Path) -> bool:
    return path.exists() and len(path.read_bytes().splitlines()) > 1


def _columns() -> list[str]:
    """What `read_stages` would give, where there is nothing to read."""
    who, none = Identity("", "", "", ""), Metrics()
    nothing = StageRecord(who, 0, 0, 0, 0, none, none, (), 0.0, Seconds(), 0.0, "")
    return [*nothing.row(), "folder", "cell", "run", "status", "finished", "overrides", "budget", "stamp"]
