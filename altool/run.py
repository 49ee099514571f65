"""The task that Hydra calls for every configuration; `python -m altool.run …` does the same as `altool run …`."""

import os
import signal
import sys
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

if TYPE_CHECKING:
    from omegaconf import DictConfig

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
    from altool.config.explain import explain
    from altool.config.load import compose_words, run_hydra
    from altool.config.words import parse

    parsed = parse(words)
    _front_pid = os.getpid()
    _exit_codes.clear()
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        run_hydra(parsed, task)
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
    try:
        exit_code, message = run_cell_of(config), "a seed failed"
    except Stopped as error:
        if _front_pid == os.getpid():
            sys.exit(say(str(error), error.exit_code))  # ends the sweep as well
        raise
    except AltoolError as error:
        exit_code, message = say(str(error), error.exit_code), str(error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        exit_code = say(message, EXIT_FAILED)
    _exit_codes.append(exit_code)
    if exit_code and _front_pid != os.getpid():
        raise CellFailed(message, exit_code)


def run_cell_of(config: "DictConfig") -> int:
    from altool.config.load import origin_of_task, resolve

    origin = origin_of_task()
    run = resolve(config, origin.words)
    # Waiting threads sleep instead of spinning: several times faster where cores are shared. Before torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from altool.config.build import build_cell

    cell = build_cell(run, origin)
    cell.platform.apply()

    from altool.session import run_session

    result = run_session(cell, run.progress)  # type: ignore[arg-type]  # one of its modes, checked
    return EXIT_FAILED if result.failures else EXIT_DONE


if __name__ == "__main__":
    from altool.cli.main import main  # imports this module by its name, as launchers' workers do

    sys.exit(main(["run", *sys.argv[1:]]))
