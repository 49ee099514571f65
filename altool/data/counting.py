"""A count of long work on stderr: a bar on a terminal, a line at the beginning and the end elsewhere."""

import sys
import time
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Result = TypeVar("Result")
WORTH_SHOWING = 200  # fewer items are done before a line is read


class Counting:
    """`with Counting("decoding photos", 20_000) as counting:` and `counting.advance()` for each."""

    def __init__(self, what: str, total: int, quiet: bool = False, worth_showing: int = WORTH_SHOWING):
        self.what, self.total = what, total
        self._console = Console(stderr=True, highlight=False)
        self._shown = total >= worth_showing and not quiet
        self._bar: Progress | None = None
        self._begin = time.monotonic()

    def __enter__(self) -> "Counting":
        if self._shown and self._console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(self.what, total=self.total)
            self._bar.start()
        elif self._shown:
            print(f"{self.what}: {self.total:,} …", file=sys.stderr, flush=True)
        return self

    def advance(self, n: int = 1) -> None:
        if self._bar is not None:
            self._bar.advance(self._bar.tasks[0].id, n)

    def counted(self, result: Result) -> Result:
        """`result`, once it is counted."""
        self.advance()
        return result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._shown and error is None:
            seconds = time.monotonic() - self._begin
            print(f"{self.what}: {self.total:,} done in {seconds:.1f} s", file=sys.stderr, flush=True)
