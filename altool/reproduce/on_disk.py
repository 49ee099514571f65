"""Which experiments have runs on disk, whatever command made them: their cells are found by fingerprint."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from altool.analysis.study import Study
from altool.config.files import options
from altool.config.load import load
from altool.config.words import parse
from altool.core.errors import UserError
from altool.reproduce.experiment import base_dataset, find_experiment
from altool.reproduce.grid import Wanted, grid_of


def experiments_of(datasets: Iterable[tuple[str, str]]) -> list[str]:
    """Names of the experiments that look at one of these (dataset, imbalance), by their files alone: composing the grids
    of all takes a minute."""
    wanted = {*datasets}
    if not wanted:
        return []
    return [name for name in options("experiment") if any(_data(alias) in wanted for alias in _aliases(name))]


def studies_of(names: Iterable[str], folders: Mapping[str, Path]) -> Iterator[Study]:
    """Those of `names` of which there are runs, as studies of all of their cells. `folders`: of cells, by fingerprint."""
    for name in names:
        grid = grid_of(Wanted(name))
        if any(cell.fingerprint in folders for cell in grid.cells):
            cells = tuple(cell.as_study_cell(folders.get(cell.fingerprint)) for cell in grid.cells)
            yield Study(name, grid.spec, cells)


def _aliases(name: str) -> set[str]:
    """What the experiment and its blocks write behind dataset=."""
    known = options("experiment")
    spec = _spec(name)
    words = [word for block in spec.get("cells", []) for word in block.get("words", [])]
    own = {word.removeprefix("dataset=") for word in words if word.startswith("dataset=")}
    return own | {base_dataset(known[name].path, known)} if spec.get("measures") != "data" else set()


def _spec(name: str) -> dict[str, Any]:
    """`reproduce:` as the file and those that it inherits say it."""
    known = options("experiment")
    node = yaml.safe_load(find_experiment(name).path.read_text(encoding="utf-8")) or {}
    inherited = [entry for entry in node.get("defaults", []) if isinstance(entry, str) and entry in known]
    return {**(_spec(inherited[0]) if inherited else {}), **node.get("reproduce", {})}


@cache
def _data(alias: str) -> tuple[str, str] | None:
    """The names that runs of dataset=ALIAS bear; None for one that altool does not know."""
    try:
        run, _ = load(parse([f"dataset={alias}"]))
    except UserError:
        return None
    return run.dataset.name, run.imbalance.name
