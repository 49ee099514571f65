"""The loop over stages and seeds of a cell, with its folders: fresh, resumed, done already, failed or stopped."""

import logging
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from altool.core.errors import EXIT_INTERRUPTED, AltoolError, RunConflict, Stopped, UserError
from altool.core.maps import recorded
from altool.core.naming import seed_name
from altool.core.observer import Observer
from altool.core.pool import Pool
from altool.core.records import Purchase, read_rows
from altool.core.runfolder import RunFolder, differing_keys, read_run, refuse_other_data
from altool.core.stop import check_stop, stop_on_signals
from altool.core.trace import has_trace, trace_word
from altool.core.turns import take_turns
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.engine.profile import Profile, profiled
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
    return cell.folder / seed_name(seed)


def stages_done(cell: Cell, seed: int) -> int:
    """Committed stages that count: of a folder with this very configuration, none where it is to be run again."""
    run = None if cell.rerun else read_run(seed_folder(cell, seed))
    same = run is not None and run.get("fingerprint") == cell.fingerprint
    return len(read_rows(seed_folder(cell, seed) / "stages.csv")) if same else 0


def check_cell(cell: Cell) -> None:
    """Loads every seed's data and checks the budget against its pool: UserError before any work."""
    for seed in cell.seeds:
        cell.budget.check(len(cell.load(seed).members))


def run_cell(cell: Cell, progress: Progress, observer: Observer | None = None) -> CellResult:
    """Runs all seeds, `seeds_at_once` in turn. A seed that fails does not stop the others; a signal does (Stopped)."""
    check_cell(cell)
    result = CellResult()

    def run(seed: int) -> None:
        if not (result.failures and cell.fail_fast):
            with cell.platform.own_stream() if cell.seeds_at_once > 1 else nullcontext():
                _run_seed(cell, seed, progress, observer or Observer(), result)

    with stop_on_signals():
        progress.cell_started(cell)
        try:
            take_turns([partial(run, seed) for seed in cell.seeds], cell.seeds_at_once)
            check_stop()  # a signal that came after the last safe point still ends a sweep
        finally:
            progress.cell_ended()
    return result


def _run_seed(cell: Cell, seed: int, progress: Progress, observer: Observer, result: CellResult) -> None:
    path = seed_folder(cell, seed)
    before = None if cell.rerun else read_run(path)
    done = before and before.get("status") == "done" and stages_done(cell, seed) >= cell.budget.stages
    task = cell.load(seed)
    if before and done:  # reading needs no lock
        refuse_other_data(path, before, task.digest)
        result.already_done.append(seed)
        progress.seed(seed).already_done(path, _not_answered(cell, path, before))
        return
    folder = RunFolder.open(
        path,
        config=cell.config,
        run=_run_record(cell, seed, task),
        stages=cell.budget.stages,
        rerun=cell.rerun,
        allow_platform_change=cell.allow_platform_change,
    )
    with _log_file(path / "run.log"):
        if task.skipped:
            log.debug("skipped files:\n%s", "\n".join(f"  {n}: {why}" for n, why in task.skipped.items()))
        observer.started(path, folder.rows)
        try:
            _run_stages(cell, seed, task, folder, progress.seed(seed), observer)
        except (Stopped, KeyboardInterrupt) as stop:
            folder.close("stopped")
            if isinstance(stop, Stopped):
                raise
            raise Stopped("interrupted", EXIT_INTERRUPTED, signal.SIGINT) from None
        except UserError:
            folder.close("failed", reason="bad input")
            raise
        except (Exception, SystemExit) as error:  # a strategy may call sys.exit
            reason = str(error) if isinstance(error, AltoolError) else f"{type(error).__name__}: {error}"
            reason = f"stage {folder.next_stage}: {reason}"
            log.debug("seed %d failed in %s\n%s", seed, reason, traceback.format_exc())
            folder.close("failed", reason=reason)
            result.failures[seed] = reason
            progress.seed(seed).failed(reason)
        else:
            folder.close("done", reason=None)
            result.done.append(seed)
        finally:
            observer.ended(str(folder.run["status"]))


def _not_answered(cell: Cell, path: Path, before: dict[str, Any]) -> str:
    """What was asked for and the finished run does not have, as text."""
    lines = differing_keys(before.get("platform", {}), cell.platform.as_record())
    epochs = [cell.learner.epochs_for(cell.budget.labelled_at(stage)) for stage in range(cell.budget.stages)]
    if not has_trace(path / "epochs.csv", cell.trace, epochs):
        lines.append(trace_word(cell.trace))
    if cell.profile and not (path / "profile.csv").exists():
        lines.append("profile=true")
    if cell.diagnostics.audit or cell.diagnostics.final:
        lines.append("diagnostics.audit or diagnostics.final")
    return f" (without {'; '.join(lines)}: rerun=true runs it again)" if lines else ""


def _run_stages(
    cell: Cell, seed: int, task: Task, folder: RunFolder, progress: SeedProgress, observer: Observer
) -> None:
    pool = _resume_pool(cell, seed, task, folder)
    progress.started(folder.path, folder.next_stage)
    for row in folder.rows:
        progress.resumed(row)
    profile = Profile(cell.platform.device) if cell.profile else None
    with profiled(profile):
        for stage in range(folder.next_stage, cell.budget.stages):
            check_stop()
            pool = run_stage(cell, seed, stage, task, pool, folder, progress, profile)
            if profile:
                folder.append_table("profile.csv", stage, profile.rows())
                profile.begin_stage()
            observer.stage_done(folder.rows[-1])


def _resume_pool(cell: Cell, seed: int, task: Task, folder: RunFolder) -> Pool:
    """The pool as the recorded purchases left it, or after buying the start set."""
    if not folder.purchases and not folder.next_stage:
        start = draw_start(cell, seed, task)
        labels = recorded(task.oracle.reveal(start))
        folder.add_purchases(
            [Purchase(0, r, int(i), y, None) for r, (i, y) in enumerate(zip(start, labels, strict=True))]
        )
    _check_purchases(cell, task, folder)
    pool = Pool.of(task.members)
    for stage in range(folder.next_stage + 1):
        bought = [p.index for p in folder.purchases if p.stage == stage]
        pool = pool.acquire(bought, stage, cell.strategy.buys_duplicates)
    return pool


def _check_purchases(cell: Cell, task: Task, folder: RunFolder) -> None:
    """Raises RunConflict unless acquired.csv holds what the committed stages bought, with the labels of the data."""
    path, budget = folder.path / "acquired.csv", cell.budget
    for stage in range(min(folder.next_stage + 1, budget.stages)):
        found = sum(p.stage == stage for p in folder.purchases)
        wanted = budget.step if stage else budget.start
        if found != wanted:
            raise RunConflict(
                f"{path} is damaged: it has {found} purchases of stage {stage}, not {wanted}. "
                "Add rerun=true to move the folder aside and begin again."
            )
    indices = np.array([p.index for p in folder.purchases], np.int64)
    inside = np.isin(indices, task.members).all()
    if not inside or recorded(task.oracle.reveal(indices)) != [p.label for p in folder.purchases]:
        raise RunConflict(
            f"{path} is damaged: its indices or labels are not those of the data. "
            "Add rerun=true to move the folder aside and begin again."
        )


def _run_record(cell: Cell, seed: int, task: Task) -> dict[str, object]:
    return {
        "identity": vars(cell.identity),
        "seed": seed,
        "stages": cell.budget.stages,
        "fingerprint": cell.fingerprint,
        "data": task.digest,
        "classes": list(task.classes),
        **({"skipped_files": len(task.skipped)} if task.skipped else {}),
        "overrides": cell.overrides,
        "platform": cell.platform.as_record(),
        "device": str(cell.platform.device),
        **({"seeds_at_once": cell.seeds_at_once} if cell.seeds_at_once > 1 else {}),
        "versions": versions(),
        "git": git_state(),
        "command": cell.command,
        **({"stamp": cell.stamp} if cell.stamp else {}),
        "cwd": str(Path.cwd()),
    }


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Everything that this thread logs inside also goes to the run's own log, tracebacks included."""
    handler, here = logging.FileHandler(path, encoding="utf-8"), get_ident()
    handler.addFilter(lambda record: record.thread == here)
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
