"""What this machine really takes: finished runs on disk against what was predicted of them, by learner and strategy."""

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altool.config.build import build_cell
from altool.config.load import load
from altool.config.words import parse
from altool.core.errors import AltoolError
from altool.core.records import read_rows
from altool.core.runfolder import read_run
from altool.engine.cell import Cell
from altool.reproduce.cost import Cost, cell_cost
from altool.reproduce.machine import Machine
from altool.reproduce.sizes import sizes_of

SECONDS = ("fit_seconds", "query_seconds", "evaluate_seconds")
SAME = ("processor", "threads", "precision")
OTHERS = 12  # cells outside of the experiment that are looked at: each takes some tenths of a second


@dataclass(frozen=True)
class Seen:
    """A finished run: what it cost and the seconds it took."""

    learner: str
    strategy: str
    cost: Cost
    seconds: float


@dataclass(frozen=True)
class Part:
    """A cell's whole cost, and what of it is left."""

    learner: str
    strategy: str
    total: Cost
    left: Cost


@dataclass(frozen=True)
class Pace:
    """`machine`, timed for a second, corrected by what was `seen`: runs of the same learner and strategy where there are
    any, else of the same learner."""

    machine: Machine
    seen: Sequence[Seen]

    def seconds(self, learner: str, strategy: str, cost: Cost) -> float:
        return self.machine.seconds(cost) * self._factor(learner, strategy)

    def known(self, learners: Collection[str]) -> list[Seen]:
        """The runs that count for these learners."""
        return [seen for seen in self.seen if seen.learner in learners]

    def _factor(self, learner: str, strategy: str) -> float:
        of_learner = self.known([learner])
        runs = [seen for seen in of_learner if seen.strategy == strategy] or of_learner
        expected = sum(self.machine.seconds(seen.cost) for seen in runs)
        return sum(seen.seconds for seen in runs) / expected if expected else 1.0


def seen_of(cell: Cell, cost: Cost) -> Iterator[Seen]:
    """The finished runs of the cell on a platform like the one it would run on now; `cost`: of one of its runs."""
    for path in sorted(cell.folder.glob("seed_*")):
        run = read_run(path)
        if run is None or run.get("status") != "done" or not _like(run, cell):
            continue
        rows = read_rows(path / "stages.csv")
        if len(rows) == cell.budget.stages:
            seconds = sum(float(row[key] or 0) for row in rows for key in SECONDS)
            yield Seen(cell.identity.learner, cell.identity.strategy, cost, seconds)


def seen_elsewhere(
    outputs: Path,
    learners: Collection[str],
    known: Collection[str],
    words: Sequence[str] = (),
    cost_of: Callable[[Cell, Any], Cost] = lambda cell, sizes: cell_cost(cell, sizes, 1),
) -> Iterator[Seen]:
    """Finished runs in `outputs` that are in none of the `known` folders; `words`, such as device=cpu, say where the
    forecast is for. What cannot be composed any more, such as a strategy of one's own that is gone, is passed over."""
    found = sorted({path.parent for path in outputs.glob("*/*/*/*/seed_*")} - {Path(k) for k in known})
    looked = 0
    for folder in found:
        run = next(filter(None, (read_run(path) for path in sorted(folder.glob("seed_*")))), None)
        if run is None or run.get("identity", {}).get("learner") not in learners or looked == OTHERS:
            continue
        looked += 1
        try:
            typed = shlex.split(str(run["command"]))[2:]
            config, origin = load(parse([*typed, f"outputs={shlex.quote(str(outputs))}", *words]))
            sizes = sizes_of(config)
            if sizes is not None:
                cell = build_cell(config, origin)
                yield from seen_of(cell, cost_of(cell, sizes))
        except (AltoolError, ValueError, KeyError):
            continue


def _like(run: dict[str, Any], cell: Cell) -> bool:
    then, now = run.get("platform", {}), cell.platform.as_record()
    on = str(run.get("device", "")).partition(":")[0]
    return on == cell.platform.device.type and all(then.get(key) == now[key] for key in SAME)
