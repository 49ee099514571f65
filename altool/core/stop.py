"""Stopping at a safe point: signals set a flag, long work asks for it between two steps.

A launcher's worker is also stopped by the sign that its sweep leaves (core/sweep.py), and by the signal with which a
scheduler announces that it takes the machine back (submitit: USR2).
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from altool.core.errors import EXIT_INTERRUPTED, EXIT_STOPPED, Stopped

LOOK_EVERY_SECONDS = 1.0  # at the sweep's sign, which may lie on a slow shared folder
FROM_SCHEDULER = (signal.SIGUSR1, signal.SIGUSR2)

_received: list[int] = []
_halt: Path | None = None
_looked = 0.0


def watch_halt(path: Path | None) -> None:
    """From now on a file at `path` asks this process to stop as well; what is in it says why."""
    global _halt, _looked
    _halt, _looked = path, 0.0


def check_stop() -> None:
    """Raises Stopped if a signal came in or the sweep is to halt. Called between epochs and between a strategy's
    iterations."""
    if _received:
        number = next((n for n in _received if n in FROM_SCHEDULER), _received[0])
        name = signal.Signals(number).name
        ctrl_c = number == signal.SIGINT
        raise Stopped(
            "interrupted" if ctrl_c else f"stopped by {name}",
            EXIT_INTERRUPTED if ctrl_c else EXIT_STOPPED,
            number,
        )
    reason = _asked_to_halt()
    if reason is not None:
        raise Stopped(f"stopped: {reason}")


def _asked_to_halt() -> str | None:
    global _looked
    if _halt is None or time.monotonic() - _looked < LOOK_EVERY_SECONDS:
        return None
    _looked = time.monotonic()
    try:
        return _halt.read_text()
    except OSError:
        return None


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """While inside, SIGINT, SIGTERM and what a launcher listens to ask for a stop at the next safe point.

    A second Ctrl-C or SIGTERM stops at once; under a scheduler several signals in a row are usual and mean one thing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    scheduled = [number for number in FROM_SCHEDULER if callable(signal.getsignal(number))]

    def note(number: int, _frame: object) -> None:
        if _received and (number == signal.SIGINT or not scheduled):
            raise KeyboardInterrupt
        _received.append(number)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM, *scheduled)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def hand_over(stopped: Stopped) -> None:
    """Gives the scheduler's signal to the launcher's own handler, once all is written: submitit then has the job queued
    again and ends the process."""
    number = stopped.signal
    if number is None or number not in FROM_SCHEDULER:
        return
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)
