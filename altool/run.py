"""The task that Hydra calls for every configuration; `python -m altool.run …` does the same as `altool run …`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from altool.core.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_STOPPED,
    AltoolError,
    Stopped,
    UserError,
)
from altool.core.gpus import claim_gpu, visible_gpus
from altool.core.stop import check_stop, hand_over, watch_halt

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from altool.config.words import Words

_front_pid: int | None = None  # the process that the person started; None in a launcher's worker
_exit_codes: list[int] = []


class CellFailed(AltoolError):
    """Tells a launcher in another process how a cell ended."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED):
        super().__init__(message)
        self.exit_code = exit_code


def run(words: list[str]) -> int:
    """Runs what the words after `altool run` mean; returns the exit code, the worst of a sweep's cells.

    Raises UserError for words that mean nothing.
    """
    global _front_pid
    from altool.config.words import parse

    parsed = parse(words)
    if not parsed.sweeps:
        from altool.config.load import run_hydra

        return _guarded(parsed, lambda: run_hydra(parsed, task))

    def sweep() -> None:
        from altool.sweep import run_sweep

        _exit_codes.append(run_sweep(parsed, task))

    return _guarded(parsed, sweep)


def run_again(shared: list[str], jobs: list[list[str]], folders: list[Path], command: str) -> int:
    """Runs the cells at `folders` by their words; `shared` names the launcher. Returns the exit code as `run` does."""
    from altool.config.words import parse

    parsed = parse(["-m", *shared])

    def sweep() -> None:
        from altool.sweep import run_jobs

        _exit_codes.append(run_jobs(parsed, jobs, command, task, folders))

    return _guarded(parsed, sweep)


def _guarded(parsed: "Words", work: Callable[[], None]) -> int:
    """Calls `work`, tells what it raises, and returns the worst exit code."""
    global _front_pid
    from altool.config.explain import explain
    from altool.config.load import compose_words

    _front_pid = os.getpid()
    _exit_codes.clear()
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        work()
    except KeyboardInterrupt:
        return say("interrupted.", EXIT_INTERRUPTED)
    except AltoolError as error:
        return say(str(error), error.exit_code)
    except Exception as error:  # raised before the task began: something about the words
        return say(explain(error, parsed, compose_words), UserError.exit_code)
    finally:
        signal.signal(signal.SIGTERM, before)
    return max(_exit_codes, default=EXIT_DONE)


def _terminated(_signal: int, _frame: object) -> NoReturn:
    """SIGTERM while nothing runs yet; a run at work has the signal for itself (core/stop.py)."""
    sys.exit(say("stopped by SIGTERM; the same command goes on.", EXIT_STOPPED))


def say(message: str, exit_code: int) -> int:
    print(f"altool: {message}", file=sys.stderr)
    return exit_code


def task(config: "DictConfig") -> None:
    """One cell. Errors are told here, where they happen; a sweep goes on with its next cell."""
    from altool.config.sweep import halt_of_task

    here, halt = _front_pid == os.getpid(), halt_of_task()
    watch_halt(halt)
    try:
        check_stop()
        exit_code, message = run_cell_of(config, here), "a seed failed"
    except Stopped as stop:
        _end_stopped(stop, here)
        raise
    except AltoolError as error:
        exit_code, message = say(str(error), error.exit_code), str(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        exit_code = say(message, EXIT_FAILED)
    _exit_codes.append(exit_code)
    if exit_code and config.fail_fast and halt is not None:
        halt.write_text("fail_fast=true, and a cell failed")
    if exit_code and (halt is not None or not here):
        raise CellFailed(message, exit_code)


def _end_stopped(stop: Stopped, here: bool) -> None:
    """Ends the process where that is what being stopped means; a worker of a launcher reports it otherwise."""
    if here and stop.signal is not None:
        sys.exit(say(str(stop), stop.exit_code))  # ends the sweep as well
    hand_over(stop)
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" and stop.signal == signal.SIGTERM:
        # without a result: Slurm may start this very job again (scontrol requeue), and its sweep waits for that
        sys.exit(say(str(stop), stop.exit_code))


def run_cell_of(config: "DictConfig", here: bool = True) -> int:
    """`here`: in the process that the person started, not in a launcher's worker."""
    from altool.config.load import origin_of_task, resolve
    from altool.config.sweep import launcher_of_task

    origin = origin_of_task()
    run = resolve(config, origin.words)
    if not here and launcher_of_task().on_this_machine and run.device in ("auto", "cuda") and visible_gpus():
        gpu = claim_gpu(visible_gpus(), run.runs_per_gpu, log)
        log(f"process {os.getpid()} has GPU {gpu}")
    # Waiting threads sleep instead of spinning: several times faster where cores are shared. Before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from altool.config.build import build_cell

    cell = build_cell(run, origin)
    cell.platform.apply()

    from altool.session import run_session

    named = not here and run.progress in ("auto", "live")  # several runs speak in one terminal
    result = run_session(cell, "named" if named else run.progress)  # type: ignore[arg-type]  # one of its modes, checked
    return EXIT_FAILED if result.failures else EXIT_DONE


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    from altool.cli.main import main  # imports this module by its name, as launchers' workers do

    sys.exit(main(["run", *sys.argv[1:]]))
