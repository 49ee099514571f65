"""What the person asked for, and the cells of the experiment that it means."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altool.config.fingerprint import NO_INFLUENCE
from altool.config.literal import as_text
from altool.core.errors import UserError, did_you_mean
from altool.core.naming import fingerprint
from altool.engine.progress import Mode
from altool.reproduce.cells import Planned, plan
from altool.reproduce.experiment import Experiment, find_experiment
from altool.reproduce.smoke import smoke_stamp, smoke_words

SMOKE_FOLDER = "smoke"


@dataclass(frozen=True)
class Wanted:
    """What was typed. `only`: values by key of the grid, or by label or panel; `words`: further key=value words."""

    name: str
    seeds: tuple[int, ...] | None = None
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    device: str | None = None
    smoke: bool = False
    outputs: Path = Path("outputs")
    words: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()
    mode: Mode = "auto"

    @property
    def place(self) -> Path:
        """Where the run folders go; smoke runs never lie beside others."""
        return (self.outputs / SMOKE_FOLDER if self.smoke else self.outputs).absolute()

    @property
    def own(self) -> list[str]:
        """The words that make other runs than the paper's, or draw them otherwise."""
        keys = {*NO_INFLUENCE} - {"reproduce"}
        return [word for word in self.words if word.partition("=")[0].partition(".")[0] not in keys]

    @property
    def folder(self) -> Path:
        """Where figures and tables go: a part of an experiment, or one with words of its own, never into the whole's."""
        if not self.only and not self.own:
            return self.place / "reproduce" / self.name
        part = fingerprint({"only": {k: sorted(v) for k, v in self.only.items()}, "own": sorted(self.own)})
        return self.place / "reproduce" / f"{self.name}-{part[:8]}"

    @property
    def narrowed(self) -> list[str]:
        """The flags that ask for other runs than the whole experiment, as they are typed."""
        only = [word for key, values in self.only.items() for word in _only_words(key, values)]
        seeds = ["--seeds", ",".join(map(str, self.seeds))] if self.seeds is not None else []
        scale = ["--scale", "smoke"] if self.smoke else []
        return [*scale, *seeds, *only]

    @property
    def asked(self) -> list[str]:
        """What was typed that makes it another experiment than the paper's whole one."""
        return [*self.narrowed, *self.own, *(word for word in self.words if word.startswith("seeds="))]

    @property
    def command(self) -> str:
        """What makes it again."""
        return shlex.join(["altool", "reproduce", self.name, *self.narrowed, *self.words])


@dataclass(frozen=True)
class Grid:
    """An experiment with the cells that were asked for."""

    experiment: Experiment
    spec: Mapping[str, Any]
    cells: list[Planned]
    wanted: Wanted

    @property
    def stamp(self) -> str:
        """What every figure of it has to say of its runs, where they are not the paper's."""
        if self.wanted.smoke:
            return smoke_stamp(cell.run for cell in self.cells)
        own, only = self.wanted.own, self.wanted.only
        part = ", ".join(f"{key}={'|'.join(values)}" for key, values in only.items())
        told = [f"Only {part}."] * bool(part) + [f"With {', '.join(own)}."] * bool(own)
        return " ".join(told)

    @property
    def measures_data(self) -> bool:
        """Whether it looks at datasets alone and runs nothing."""
        return self.spec.get("measures") == "data"

    def check_possible(self) -> None:
        """Raises UserError for what altool cannot do yet."""
        name, lacks = self.experiment.name, self.experiment.lacks
        files = f" Its files: {self.spec['download']}." if "download" in self.spec else ""
        if lacks and not self.wanted.smoke:
            raise UserError(f"{name} needs dataset={lacks}, which this altool cannot read yet.{files}")


def _only_words(key: str, values: tuple[str, ...]) -> list[str]:
    if key in ("label", "panel"):  # whose values may hold commas
        return [word for value in values for word in ("--only", f"{key}={value}")]
    return ["--only", f"{key}={','.join(values)}"]


def grid_of(wanted: Wanted) -> Grid:
    """Raises UserError for a name, a word or a narrowing that means nothing."""
    experiment = find_experiment(wanted.name, wanted.folders)
    chosen = next((word for word in wanted.words if word.startswith("strategy=")), "")
    if chosen:
        raise UserError(f"{wanted.name} has strategies of its own; of these alone: --only {chosen}")
    words = [f"outputs={as_text(str(wanted.place))}", *wanted.words]
    if wanted.device:
        words.append(f"device={wanted.device}")
    if wanted.seeds:
        words.append(f"seeds=[{','.join(map(str, wanted.seeds))}]")
    items = wanted.place / ".items"
    scale = (lambda run, strategy: smoke_words(run, strategy, items)) if wanted.smoke else None
    base, cells = plan(experiment, words, wanted.folders, scale)
    return Grid(experiment, base.reproduce, list(_narrowed(cells, wanted.only)), wanted)


def _narrowed(cells: Sequence[Planned], only: Mapping[str, tuple[str, ...]]) -> Iterator[Planned]:
    for key, values in only.items():
        known = {value for cell in cells for value in _values(cell, key)}
        if not known:
            keys = {"label", "panel", *(key for cell in cells for key in cell.settings)}
            raise UserError(f"--only {key}=…: {did_you_mean(key, keys)}")
        for value in values:
            if value not in known:
                raise UserError(f"--only {key}={value}: {did_you_mean(value, known)}")
    for cell in cells:
        if all(set(_values(cell, key)) & set(values) for key, values in only.items()):
            yield cell


def _values(cell: Planned, key: str) -> list[str]:
    if key in ("label", "panel"):
        return [getattr(cell, key)]
    return [str(cell.settings[key])] if key in cell.settings else []
