"""What one `altool run` does around the engine: say what is coming, run, and leave table, figure and the next step."""

import logging
import shlex
import sys
from pathlib import Path

from altool.core.errors import Stopped, UserError
from altool.core.machine import short
from altool.core.runfolder import read_run
from altool.engine.advice import profile_report
from altool.engine.cell import Cell
from altool.engine.forecast import Forecast, human_seconds
from altool.engine.loop import CellResult, check_cell, run_cell, seed_folder, stages_done
from altool.engine.progress import Mode, Progress
from altool.engine.rehearsal import forecast, rehearse
from altool.trackers.telling import Trackers, tracking

log = logging.getLogger("altool")


def run_session(cell: Cell, mode: Mode = "auto") -> CellResult:
    """Runs the cell. Raises UserError before any work, Stopped with the way to go on when asked to stop."""
    with tracking(cell.trackers, cell.outputs) as trackers:
        return _run_session(cell, mode, trackers)


def _run_session(cell: Cell, mode: Mode, trackers: Trackers) -> CellResult:
    check_cell(cell)
    missing = [seed for seed in cell.seeds if stages_done(cell, seed) < cell.budget.stages]
    progress = Progress(mode)
    if mode == "named":
        progress.name = f"{cell.identity.strategy} on {cell.identity.dataset}, {cell.folder.name}: "
    if missing:
        progress.forecast = _forecast(cell)
        if mode != "quiet":
            print(_announcement(cell, len(missing), progress.forecast), file=sys.stderr)
    try:
        result = run_cell(cell, progress, trackers)
    except Stopped as stop:
        raise Stopped(
            f"{stop}; every finished stage is kept. The same command goes on:\n  {cell.command}",
            stop.exit_code,
            stop.signal,
        ) from None
    written = _leave_summary(cell, result)
    if result.done or result.failures:
        trackers.summarise(cell.folder, written)
    return result


def _forecast(cell: Cell) -> Forecast | None:
    """None where the rehearsal breaks: whatever is wrong, the run itself will say it, by seed and stage."""
    try:
        return forecast(cell, rehearse(cell).rates)
    except (UserError, Stopped):
        raise
    except Exception as error:
        log.warning("The time cannot be predicted: %s", error)
        return None


def _announcement(cell: Cell, n_seeds: int, expected: Forecast | None) -> str:
    budget, identity = cell.budget, cell.identity
    data = identity.dataset if identity.imbalance == "none" else f"{identity.dataset}, {identity.imbalance}"
    seeds = f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
    stages = f"{budget.stages} stage{'s' if budget.stages > 1 else ''}"
    labels = f"{budget.start} to {budget.total}" if budget.queries else str(budget.start)
    seconds = f"about {human_seconds(expected.left_seconds())} " if expected else ""
    return (
        f"{identity.strategy} on {data} with {identity.learner}: {seeds} × {stages}, "
        f"{labels} labels, {seconds}on {cell.platform.device}.\n"
        f"Writing to {short(cell.folder)}"
    )


def _leave_summary(cell: Cell, result: CellResult) -> list[Path]:
    # analysis is imported late: pandas and matplotlib take a second that no run should wait for
    from altool.analysis.summary import write_cell_summary
    from altool.analysis.table import render

    written = write_cell_summary(cell.folder)
    if written:
        print(render([cell.folder], metric="miou" if cell.learner.dense else "accuracy"), end="")
    if cell.profile:
        print(profile_report(cell, [seed_folder(cell, seed) for seed in cell.seeds]), end="")
    for seed, reason in result.failures.items():
        log = seed_folder(cell, seed) / "run.log"
        print(f"seed {seed} failed in {reason}; see {short(log)}", file=sys.stderr)
    if result.already_done and not result.done and not result.failures:
        print("All seeds were done already; rerun=true runs them again beside the old ones.")
    runs = (read_run(seed_folder(cell, seed)) or {} for seed in cell.seeds)
    warned = sum(len(run.get("warnings", [])) for run in runs)
    if warned:
        what = f"{warned} stages look" if warned > 1 else "1 stage looks"
        print(f"{what} unhealthy; {shlex.join(['altool', 'status', short(cell.folder)])} says why.")
    for path in written:
        print(short(path))
    if not result.failures:
        print(f"Next: {_next_step(cell)}")
    return written


def _next_step(cell: Cell) -> str:
    """The baseline to compare with, or the comparison once the baseline is there."""
    others = cell.folder.parent.parent
    if cell.identity.strategy != "random" and not list(others.glob("random/*/seed_*/stages.csv")):
        return shlex.join(["altool", "run", "strategy=random", *_shared_words(cell)])
    if cell.identity.strategy == "random" and not list(others.glob("[!r]*/*/seed_*/stages.csv")):
        return shlex.join(["altool", "run", "strategy=ta_vaal", *_shared_words(cell)])
    metric = ["--metric", "miou"] if cell.learner.dense else []
    return shlex.join(["altool", "plot", short(others), "--relative-to", "random", *metric])


def _shared_words(cell: Cell) -> list[str]:
    """What was typed that another strategy's run shares."""
    own = ("strategy", "extension", "compat", "trace", "profile", "diagnostics", "rerun", "progress")
    return [word for word in shlex.split(cell.command)[2:] if not word.startswith(own)]
