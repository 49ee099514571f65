"""What a sweep leaves beside its runs, in outputs/.sweeps/<digest>/: the plan of its cells, and the sign to halt."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from altool.core.atomic import write_text_atomic
from altool.core.naming import seed_name

HALT = "halt"


@dataclass(frozen=True)
class PlannedCell:
    """`folder`: the cell's, relative to the outputs folder; `command`: what runs this cell alone."""

    folder: str
    seeds: tuple[int, ...]
    command: str


@dataclass(frozen=True)
class Plan:
    """The cells of one sweep, started by `command`. Equal cells make an equal plan, in the same place."""

    outputs: Path
    command: str
    cells: tuple[PlannedCell, ...]

    @property
    def folder(self) -> Path:
        cells = sorted((cell.folder, *cell.seeds) for cell in self.cells)
        return self.outputs / ".sweeps" / hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:12]

    @property
    def halt(self) -> Path:
        """While this file is there, the sweep's workers stop at their next safe point."""
        return self.folder / HALT

    def seed_folders(self, cell: PlannedCell) -> list[Path]:
        return [self.outputs / cell.folder / seed_name(seed) for seed in cell.seeds]

    def write(self) -> None:
        cells = [asdict(cell) for cell in self.cells]
        text = json.dumps({"command": self.command, "cells": cells}, indent=1) + "\n"
        write_text_atomic(self.folder / "plan.json", text)


def read_plans(outputs: Path) -> Iterator[Plan]:
    """The plans of all sweeps in an outputs folder. One that cannot be read promises nothing."""
    for path in sorted(outputs.glob(".sweeps/*/plan.json")):
        try:
            stored = json.loads(path.read_text())
            cells = tuple(PlannedCell(c["folder"], tuple(c["seeds"]), c["command"]) for c in stored["cells"])
            yield Plan(outputs, stored["command"], cells)
        except (OSError, ValueError, KeyError, TypeError):
            continue


def plans_around(paths: Sequence[Path]) -> Iterator[Plan]:
    """The plans of the outputs folders at, above or below `paths`, each once."""
    seen: set[Path] = set()
    for path in paths:
        here = path.absolute()
        folders = [here, *here.parents, *(found.parent for found in here.glob("**/.sweeps"))]
        for outputs in folders:
            if outputs not in seen and (outputs / ".sweeps").is_dir():
                yield from read_plans(outputs)
            seen.add(outputs)
