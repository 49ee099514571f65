"""`altool reproduce NAME`: runs what is missing of an experiment, seed by seed over all of its cells, then draws it."""

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from altool.analysis.study import Study
from altool.analysis.summary import write_cell_summary
from altool.config.build import build_cell
from altool.core.errors import Stopped, UserError
from altool.core.lock import LockHeld
from altool.engine.cell import Cell
from altool.engine.forecast import human_seconds
from altool.engine.loop import check_cell, run_cell
from altool.engine.progress import Progress
from altool.reproduce.cells import Planned
from altool.reproduce.datasets import facts_of
from altool.reproduce.draw import Drawn, draw
from altool.reproduce.grid import Grid, Wanted, grid_of
from altool.reproduce.machine import this_machine
from altool.reproduce.outlook import outlook
from altool.reproduce.smoke import smoke_stamp


@dataclass
class Reproduced:
    """`drawn`: figures and tables; `absent`: what to do about data that are not here; `failures`: runs that broke;
    `unrecorded`: what older runs lack for these figures, and the command that makes them again."""

    drawn: Drawn
    absent: list[str]
    failures: list[str]
    unrecorded: list[str]


@dataclass
class Clock:
    """Seconds that the runs still to come should take: predicted, and corrected by those that have ended."""

    predicted: dict[tuple[str, int], float]
    took: float = 0.0
    expected: float = 0.0

    def ended(self, key: tuple[str, int], seconds: float) -> None:
        self.took += seconds
        self.expected += self.predicted.pop(key, 0.0)

    def left(self) -> str:
        """As text, empty where nothing could be predicted."""
        seconds = sum(self.predicted.values()) * (self.took / self.expected if self.expected else 1.0)
        return f", about {human_seconds(seconds)} left in all" if seconds else ""


@dataclass
class Session:
    """The runs that are to be made, each a cell with its seed, in order."""

    wanted: Wanted
    todo: list[tuple[Planned, Cell, int]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def find(self, cells: Sequence[Planned]) -> None:
        """Seed 0 of all cells first, then seed 1 …: whenever it is stopped, the comparison is a fair one."""
        built: dict[int, Cell] = {}
        for position, planned in enumerate(cells):
            if all(planned.is_done(seed) for seed in planned.run.seeds):
                continue
            stamp = smoke_stamp([planned.run]) if self.wanted.smoke else ""
            cell = replace(build_cell(planned.run, planned.origin), stamp=stamp)
            try:
                check_cell(cell)
            except UserError as error:
                if str(error) not in self.absent:
                    self.absent.append(str(error))
                continue
            built[position] = cell
        seeds = dict.fromkeys(seed for position in built for seed in cells[position].run.seeds)
        for seed in seeds:
            for position, cell in built.items():
                planned = cells[position]
                if seed in planned.run.seeds and not planned.is_done(seed):
                    self.todo.append((planned, cell, seed))

    def run(self) -> None:
        """A run that breaks stops no other; one that another process is making is looked at again when all else is done.
        Raises Stopped when asked to stop."""
        clock, held = self._clock(), []
        for number, (planned, cell, seed) in enumerate(self.todo, 1):
            if planned.is_done(seed):  # the same cell under another label
                continue
            where = f"{planned.label}, {planned.panel}" if planned.panel else planned.label
            if self.wanted.mode != "quiet":
                print(f"[{number}/{len(self.todo)}] seed {seed}, {where}{clock.left()}", file=sys.stderr)
            begin = time.perf_counter()
            try:
                self._run_one(where, cell, seed)
            except LockHeld:
                held.append((where, planned, cell, seed))
            clock.ended((str(planned.folder), seed), time.perf_counter() - begin)

        for where, planned, cell, seed in held:
            if not planned.is_done(seed):
                try:
                    self._run_one(where, cell, seed)
                except LockHeld as error:
                    self.failures.append(f"{where}, seed {seed}: {error}")

    def _run_one(self, where: str, cell: Cell, seed: int) -> None:
        cell.platform.apply()
        try:
            result = run_cell(replace(cell, seeds=(seed,)), Progress(self.wanted.mode))
        except LockHeld:
            raise
        except UserError as error:
            self.failures.append(f"{where}, seed {seed}: {error}")
        else:
            self.failures += [f"{where}, seed {s}: {reason}" for s, reason in result.failures.items()]

    def _clock(self) -> Clock:
        if self.wanted.smoke or not self.todo:
            return Clock({})
        platform = self.todo[0][1].platform
        machine = this_machine(platform.device, platform.threads)
        costs = outlook([planned for planned, _, _ in self.todo]).seeds
        keys = [(str(planned.folder), seed) for planned, _, seed in self.todo]
        return Clock({key: machine.seconds(cost) for key in keys if (cost := costs[key[0]]) is not None})


def reproduce(wanted: Wanted) -> Reproduced:
    """Runs what is missing and draws what there is. Raises UserError before any work where nothing can be done, Stopped
    with the way to go on when asked to stop."""
    grid = grid_of(wanted)
    grid.check_possible()
    session = Session(wanted)
    if not grid.measures_data:
        _run(session, grid)
    drawn = draw(_study(wanted, grid, session), wanted.folder)
    return Reproduced(drawn, session.absent, session.failures, _unrecorded(grid))


def _unrecorded(grid: Grid) -> list[str]:
    """Of runs that were finished before the experiment asked for more than they wrote."""
    lines = []
    for cell in [] if grid.measures_data else grid.cells:
        lacking = {s: words for s in cell.run.seeds if cell.is_done(s) and (words := cell.not_recorded(s))}
        words = sorted({word for some in lacking.values() for word in some})
        if words:
            seeds = f"seeds=[{','.join(map(str, lacking))}]"
            kept = [word for word in cell.origin.words if not word.startswith("seeds=")]
            command = shlex.join(["altool", "run", *kept, seeds, "rerun=true"])
            where = f"{cell.label}, {cell.panel}" if cell.panel else cell.label
            lines.append(
                f"{where} was run before without {', '.join(words)}; this runs it again:\n  {command}"
            )
    return lines


def _run(session: Session, grid: Grid) -> None:
    session.find(grid.cells)
    if (
        session.absent
        and not session.todo
        and not any(c.stages_done(s) for c in grid.cells for s in c.run.seeds)
    ):
        raise UserError("\n".join(session.absent))
    try:
        session.run()
    except Stopped as stop:
        raise Stopped(
            f"{stop}; every finished stage is kept. The same command goes on.", stop.exit_code
        ) from None
    if not session.wanted.smoke:
        for folder in dict.fromkeys(cell.folder for cell, _, _ in session.todo):
            write_cell_summary(folder)


def _study(wanted: Wanted, grid: Grid, session: Session) -> Study:
    facts = _facts(grid.cells, session) if grid.measures_data else pd.DataFrame()
    cells = tuple(cell.as_study_cell() for cell in grid.cells)
    return Study(grid.experiment.name, grid.spec, cells, wanted.smoke, facts, grid.stamp, wanted.command)


def _facts(cells: Sequence[Planned], session: Session) -> pd.DataFrame:
    found, absent = facts_of(cells)
    session.absent += [reason for reason in absent if reason not in session.absent]
    if found.empty:
        raise UserError("\n".join(session.absent))
    return found
