"""The loop over stages and seeds of a cell, with its folders: fresh, resumed, done already, failed or stopped."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from altool.core.errors import EXIT_INTERRUPTED, AltoolError, Stopped, UserError
from altool.core.pool import Pool
from altool.core.records import Purchase, read_rows
from altool.core.runfolder import RunFolder, read_run
from altool.core.stop import check_stop, stop_on_signals
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.engine.progress import Progress, SeedProgress
from altool.engine.provenance import git_state, versions
from altool.engine.stage import draw_start, run_stage

log = logging.getLogger("altool")


@dataclass
class CellResult:
    """What became of the seeds: finished now, finished before, or failed with the reason."""

    done: list[int] = field(default_factory=list)
    already_done: list[int] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)


def seed_folder(cell: Cell, seed: int) -> Path:
    return cell.folder / f"seed_{seed:03d}"


def stages_done(cell: Cell, seed: int) -> int:
    """Committed stages of a seed whose folder holds this very configuration."""
    run = read_run(seed_folder(cell, seed))
    same = run is not None and run.get("fingerprint") == cell.fingerprint
    return len(read_rows(seed_folder(cell, seed) / "stages.csv")) if same else 0


def check_cell(cell: Cell) -> None:
    """Loads every seed's data and checks the budget against its pool: UserError before any work."""
    for seed in cell.seeds:
        cell.budget.check(len(cell.load(seed).members))


def run_cell(cell: Cell, progress: Progress) -> CellResult:
    """Runs all seeds, one after another. A seed that fails does not stop the others; a signal does (Stopped)."""
    check_cell(cell)
    result = CellResult()
    with stop_on_signals():
        progress.cell_started(cell)
        try:
            for seed in cell.seeds:
                _run_seed(cell, seed, progress, result)
            check_stop()  # a signal that came after the last safe point still ends a sweep
        finally:
            progress.cell_ended()
    return result


def _run_seed(cell: Cell, seed: int, progress: Progress, result: CellResult) -> None:
    path = seed_folder(cell, seed)
    before = read_run(path)
    if before and before.get("status") == "done" and before.get("fingerprint") == cell.fingerprint:
        if not cell.rerun:  # reading needs no lock
            result.already_done.append(seed)
            progress.seed(seed).already_done(path)
            return
    task = cell.load(seed)
    folder = RunFolder.open(
        path,
        config=cell.config,
        run=_run_record(cell, seed, task),
        stages=cell.budget.stages,
        rerun=cell.rerun,
        allow_platform_change=cell.allow_platform_change,
    )
    with _log_file(path / "run.log"):
        try:
            _run_stages(cell, seed, task, folder, progress.seed(seed))
        except (Stopped, KeyboardInterrupt) as stop:
            folder.close("stopped")
            if isinstance(stop, Stopped):
                raise
            raise Stopped("interrupted", EXIT_INTERRUPTED) from None
        except UserError:
            folder.close("failed", reason="bad input")
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, AltoolError) else f"{type(error).__name__}: {error}"
            reason = f"stage {folder.next_stage}: {reason}"
            log.error("seed %d failed in %s", seed, reason)
            log.debug("%s", traceback.format_exc())
            folder.close("failed", reason=reason)
            result.failures[seed] = reason
            progress.seed(seed).failed(reason)
        else:
            folder.close("done", reason=None)
            result.done.append(seed)


def _run_stages(cell: Cell, seed: int, task: Task, folder: RunFolder, progress: SeedProgress) -> None:
    pool = _resume_pool(cell, seed, task, folder)
    progress.started(folder.path, folder.next_stage)
    for row in folder.rows:
        progress.resumed(row)
    progress.heartbeat = folder.lock.beat
    for stage in range(folder.next_stage, cell.budget.stages):
        check_stop()
        pool = run_stage(cell, seed, stage, task, pool, folder, progress)


def _resume_pool(cell: Cell, seed: int, task: Task, folder: RunFolder) -> Pool:
    """The pool as the recorded purchases left it, or after buying the start set."""
    if not folder.purchases:
        start = draw_start(cell, seed, task)
        labels = task.oracle.reveal(start)
        folder.add_purchases(
            [Purchase(0, r, int(i), int(y), None) for r, (i, y) in enumerate(zip(start, labels, strict=True))]
        )
    pool = Pool.of(task.members)
    for stage in range(folder.next_stage + 1):
        bought = [p.index for p in folder.purchases if p.stage == stage]
        pool = pool.acquire(bought, stage, cell.strategy.buys_duplicates)
    return pool


def _run_record(cell: Cell, seed: int, task: Task) -> dict[str, object]:
    return {
        "identity": vars(cell.identity),
        "seed": seed,
        "stages": cell.budget.stages,
        "fingerprint": cell.fingerprint,
        "data": task.digest,
        "overrides": cell.overrides,
        "platform": cell.platform.as_record(),
        "device": str(cell.platform.device),
        "versions": versions(),
        "git": git_state(),
        "command": cell.command,
    }


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Everything logged inside also goes to the run's own log, tracebacks included."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.DEBUG)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        handler.close()
