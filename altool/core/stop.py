"""Stopping at a safe point: signals set a flag, long work asks for it between two steps."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from altool.core.errors import EXIT_INTERRUPTED, EXIT_STOPPED, Stopped

_received: list[int] = []


def check_stop() -> None:
    """Raises Stopped if Ctrl-C or SIGTERM came in. Called between epochs and between a strategy's iterations."""
    if _received:
        ctrl_c = _received[0] == signal.SIGINT
        raise Stopped(
            "interrupted" if ctrl_c else "stopped by SIGTERM",
            EXIT_INTERRUPTED if ctrl_c else EXIT_STOPPED,
        )


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """While inside, SIGINT and SIGTERM ask for a stop at the next safe point; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: object) -> None:
        if _received:
            raise KeyboardInterrupt
        _received.append(number)

    before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()
