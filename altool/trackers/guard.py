"""Keeps trackers away from the run: what one raises is logged once, and what hangs is left behind.

Each tracker lives in a daemon thread that is fed by a queue, so the run waits for none of them. Not covered: code that
keeps Python's interpreter lock, that ends the process, or that hangs in its own handlers while the process exits.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger("altool")


class Guarded:
    """A tracker by `name`, made by `make` in its thread when it is first told something."""

    def __init__(self, name: str, make: Callable[[], Any]):
        self.name = name
        self._make = make
        self._told: queue.SimpleQueue[Callable[[Any], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def tell(self, what: Callable[[Any], object]) -> None:
        """Calls `what` with the tracker, some time soon, after all that it was told before."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._listen, name=f"tracker {self.name}", daemon=True)
            self._thread.start()
        self._told.put(what)

    def close(self, seconds: float) -> None:
        """Waits until it has done what it was told, at most `seconds`."""
        if self._thread is None:
            return
        self._told.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            log.warning("%s is still busy after %g s and is left behind; the run itself is not touched.",
                        self.name, seconds)  # fmt: skip

    def _listen(self) -> None:
        failed = False
        tracker: Any = None
        while (what := self._told.get()) is not None:
            try:
                tracker = tracker or self._make()
                what(tracker)
            except BaseException as error:  # SystemExit as well: it is none of the run's business
                if not failed:
                    log.warning("%s: %s: %s. The run goes on; further failures of it are not told.",
                                self.name, type(error).__name__, str(error).rstrip("."))  # fmt: skip
                    log.debug("%s failed", self.name, exc_info=error)
                failed = True
