"""What one sweep does around its cells: plan them, leave out what is done, launch the others, say what became of each.

The run folders are the only truth: the plan names them, and what a launcher says of its jobs is not needed to go on.
"""

import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altool.config.sweep import (
    Launcher,
    SweepCell,
    command_of,
    error_of,
    expand,
    launch,
    launcher_of,
    sweep_cell,
)
from altool.core.errors import (
    EXIT_BAD_INPUT,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_STOPPED,
    AltoolError,
    Stopped,
    UserError,
)
from altool.core.gpus import visible_gpus
from altool.core.machine import usable_cores
from altool.core.naming import seed_name
from altool.core.records import read_rows
from altool.core.runfolder import read_run, refuse_other_data
from altool.core.states import see
from altool.core.sweep import Plan, PlannedCell

if TYPE_CHECKING:
    from altool.config.words import Words

SAY_EVERY_SECONDS = 5.0
NEVER = "never started"
Task = Callable[[Any], None]  # of a composed configuration


def run_sweep(words: "Words", task: Task) -> int:
    """Runs what is missing of the sweep that the words mean; returns the exit code. Raises UserError before any work."""
    return run_jobs(words, expand(words), command_of(words), task)


def run_jobs(
    words: "Words",
    jobs: Sequence[Sequence[str]],
    command: str,
    task: Task,
    folders: Sequence[Path] | None = None,
) -> int:
    """Runs what is missing of `jobs`, each the words of one cell, by the launcher that `words` name.

    `folders`: where the cells must lie, if they are known already. Raises UserError before any work.
    """
    cells = list(_composed(jobs, words))
    for cell, folder in zip(cells, folders or [], strict=bool(folders)):
        if cell.folder != folder:
            raise UserError(
                f"{folder} was made by another version or from another folder: its command,\n  {cell.command}\n"
                f"leads to {cell.folder} now."
            )
    plan = _plan(cells, command)
    plan.halt.unlink(missing_ok=True)
    missing = [cell for cell in cells if not _is_done(cell)]
    launcher = launcher_of(words)
    _say(f"{_cells(len(cells))}: {len(cells) - len(missing)} done already, {len(missing)} to run.")
    if not missing:
        return EXIT_DONE
    workers = _workers(missing, launcher)
    ends: list[BaseException | None] = []
    gave_up: Exception | None = None
    try:
        with _halting(plan) if launcher.elsewhere else nullcontext():
            results = launch(words, [cell.words for cell in missing], plan.folder, task, workers)
        ends = [error_of(result) for result in results]
    except (AltoolError, KeyboardInterrupt):
        raise
    except Exception as error:  # a job died without a word: what it did is in its folder
        gave_up = error
    finally:
        if launcher.kind != "BasicLauncher":
            _refresh_summaries(missing)
        code = _summary(plan, missing, ends, launcher, gave_up)
    return code


def _composed(jobs: Sequence[Sequence[str]], words: "Words") -> Iterator[SweepCell]:
    said = time.monotonic()
    for number, job in enumerate(jobs):
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            said = time.monotonic()
            _say(f"{number} of {_cells(len(jobs))} planned")
        yield sweep_cell(job, words.config_dirs)


def _plan(cells: Sequence[SweepCell], command: str) -> Plan:
    """Writes the plan of a sweep into its first cell's outputs folder."""
    outputs = Path(cells[0].run.outputs)
    planned = (
        PlannedCell(os.path.relpath(cell.folder, outputs), tuple(cell.run.seeds), cell.command)
        for cell in cells
    )
    plan = Plan(outputs, command, tuple(planned))
    try:
        plan.write()
    except OSError as error:
        raise UserError(
            f"{plan.folder} cannot be written ({error.strerror}): name another folder with outputs=…"
        ) from None
    return plan


def _seed_folders(cell: SweepCell) -> list[Path]:
    return [cell.folder / seed_name(seed) for seed in cell.run.seeds]


def _is_done(cell: SweepCell) -> bool:
    """Whether nothing is left to do, of these very settings and data. What is damaged or differs, the cell itself tells."""
    if cell.run.rerun:
        return False
    try:
        runs = [(folder, read_run(folder)) for folder in _seed_folders(cell)]
        for folder, run in runs:
            if run is None or run.get("status") != "done" or run.get("fingerprint") != cell.fingerprint:
                return False
            if len(read_rows(folder / "stages.csv")) < cell.run.budget.stages:
                return False
        return _same_data(cell, [(folder, run or {}) for folder, run in runs])
    except UserError:
        return False


def _same_data(cell: SweepCell, runs: Sequence[tuple[Path, dict[str, object]]]) -> bool:
    from altool.config.build import task_loader

    load = task_loader(cell.run, "cpu")
    for (folder, run), seed in zip(runs, cell.run.seeds, strict=True):
        refuse_other_data(folder, run, load(seed).digest)
    return True


def _workers(cells: Sequence[SweepCell], launcher: Launcher) -> int:
    """Cells at a time on this machine: a place on a GPU each, else as many as the cores feed. Says where they crowd."""
    cores = usable_cores()
    threads = max(cell.run.threads for cell in cells)
    on_gpu = any(cell.run.device in ("auto", "cuda") for cell in cells)
    places = len(visible_gpus()) * cells[0].run.runs_per_gpu if on_gpu and launcher.on_this_machine else 0
    fitting = max(1, cores // threads)
    workers = min(launcher.n_jobs or places or fitting, len(cells))
    if launcher.n_jobs is not None and workers * threads > cores:
        _say(
            f"{workers} workers × {threads} threads share {cores} cores: the same results, only slower; "
            f"hydra.launcher.n_jobs={fitting} fits. threads=… would change the bytes."
        )
    return workers


@contextmanager
def _halting(plan: Plan) -> Iterator[None]:
    """While inside, Ctrl-C and SIGTERM let the workers stop at a safe point; a second one does not wait."""
    asked: list[int] = []

    def halt(number: int, _frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        plan.halt.write_text(f"the sweep got {signal.Signals(number).name}")
        _say("stopping at the next safe point; once more stops at once.")

    before = {number: signal.signal(number, halt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        ctrl_c = asked[0] == signal.SIGINT
        name = "interrupted" if ctrl_c else "stopped by SIGTERM"
        raise Stopped(f"{name}; the same command goes on.", EXIT_INTERRUPTED if ctrl_c else EXIT_STOPPED)


def _refresh_summaries(cells: Sequence[SweepCell]) -> None:
    """Anew where workers wrote to one cell's folder side by side: the last word may have been the shorter one."""
    from altool.analysis.summary import write_cell_summary

    folders = [cell.folder for cell in cells]
    for folder in {folder for folder in folders if folders.count(folder) > 1 and folder.is_dir()}:
        write_cell_summary(folder)


def _summary(
    plan: Plan,
    cells: Sequence[SweepCell],
    ends: Sequence[BaseException | None],
    launcher: Launcher,
    gave_up: Exception | None,
) -> int:
    """Says how the cells stand, with the reason and log of each failure; returns the exit code of the whole."""
    counts: Counter[str] = Counter()
    codes: set[int] = set()
    lines: list[str] = []
    for cell, end in zip_longest(cells, ends):
        states = [see(folder) for folder in _seed_folders(cell)]
        for one in states:
            if one.status == "failed":
                lines.append(f"failed: {one.folder}: {one.reason}; see {one.folder / 'run.log'}")
        state = next((s for s in WORST_FIRST if any(one.status == s for one in states)), NEVER)
        if end is not None and not isinstance(end, Stopped) and state in (NEVER, "done"):
            state = "failed"  # before it had a folder to say so in
            lines.append(f"failed: {cell.command}: {end}")
        counts[state] += 1
        unknown = EXIT_DONE if ends or state == "done" else EXIT_FAILED  # without a word: by what it left
        codes.add(unknown if end is None else getattr(end, "exit_code", EXIT_FAILED))
    _say(", ".join(f"{n} {state}" for state, n in counts.items()) + ".")
    for line in lines:
        print(line, file=sys.stderr)
    halted = next((end for end in ends if isinstance(end, Stopped)), None)
    if halted is not None:
        _say(str(halted).partition(";")[0] + ".")
    if gave_up is not None:
        _say(f"the launcher gave up waiting: {str(gave_up).strip().splitlines()[0]}")
    if launcher.outlives_us and counts["running"] + counts[NEVER]:
        _say("the jobs in the queue go on by themselves.")
    if set(counts) != {"done"}:
        status = shlex.join(["altool", "status", str(plan.outputs)])
        _say(f"{status} shows them; altool retry goes on with what failed, went stale or was stopped.")
    return max(codes & {EXIT_FAILED, EXIT_BAD_INPUT} or codes)


WORST_FIRST = ("failed", "stale", "stopped", "running", NEVER, "done")


def _cells(n: int) -> str:
    return f"{n} cell{'s' if n != 1 else ''}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
