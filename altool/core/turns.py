"""Several tasks in one process of which one computes at a time, each until its next safe point (performance.md 4.3).

Each task has a thread of its own, so that a GPU stream and all that torch keeps per thread is its own; but a thread only
runs while it holds the turn. A task therefore does what it would do alone, and nothing that a process has once, such as the
generator that modules draw their weights from, is shared at a bad moment. What overlaps is the work handed to a GPU.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

LISTEN_EVERY_SECONDS = 0.2


class _Seat:
    """One thread's place: whether the turn is its own, and the seconds that it was elsewhere."""

    def __init__(self, table: "_Table"):
        self.table = table
        self.turn = threading.Semaphore(0)
        self.away_seconds = 0.0


class _Table:
    """The seats in the order of their turns, and the tasks that none has taken yet."""

    def __init__(self, tasks: Iterable[Callable[[], object]]):
        self.waiting = deque(tasks)
        self.seats: deque[_Seat] = deque()
        self.errors: list[BaseException] = []
        self.interrupted = False

    def work(self, seat: _Seat) -> None:
        """A thread's life: task after task until none is waiting, or one has raised; what others have begun they finish."""
        _here.seat = seat
        seat.turn.acquire()
        try:
            while self.waiting and not self.errors and not self.interrupted:
                self.waiting.popleft()()
        except BaseException as error:
            self.errors.append(error)
        self.seats.remove(seat)
        if self.seats:
            self.seats[0].turn.release()

    def pass_on(self, seat: _Seat) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        if len(self.seats) == 1:
            return
        self.seats.rotate(-1)
        since = time.perf_counter()
        self.seats[0].turn.release()
        seat.turn.acquire()
        seat.away_seconds += time.perf_counter() - since
        if self.interrupted:
            raise KeyboardInterrupt


_here = threading.local()


def pass_turn() -> None:
    """A safe point: lets the other tasks compute up to theirs. Does nothing where there are no others."""
    seat: _Seat | None = getattr(_here, "seat", None)
    if seat is not None:
        seat.table.pass_on(seat)


def others_wait() -> bool:
    """Whether another task would use the time until this one is called again."""
    seat: _Seat | None = getattr(_here, "seat", None)
    return seat is not None and len(seat.table.seats) > 1


def own_seconds() -> float:
    """A clock that stands still while other tasks have the turn; the tasks' times add up to the time of all."""
    seat: _Seat | None = getattr(_here, "seat", None)
    return time.perf_counter() - (seat.away_seconds if seat else 0.0)


def take_turns(tasks: Iterable[Callable[[], object]], at_once: int) -> None:
    """Runs all tasks, at most `at_once` of them begun and unfinished; with 1, here and one after another.

    Raises the first error of a task once all others have ended, and KeyboardInterrupt when one interrupts the waiting.
    """
    if at_once == 1:
        for task in tasks:
            task()
        return
    table = _Table(tasks)
    table.seats.extend(_Seat(table) for _ in range(min(at_once, len(table.waiting))))
    threads = [threading.Thread(target=table.work, args=(seat,), daemon=True) for seat in table.seats]
    for thread in threads:
        thread.start()
    if table.seats:
        table.seats[0].turn.release()
    for thread in threads:
        _join(thread, table)
    if table.errors:
        raise table.errors[0]
    if table.interrupted:
        raise KeyboardInterrupt


def _join(thread: threading.Thread, table: _Table) -> None:
    while thread.is_alive():
        try:
            thread.join(LISTEN_EVERY_SECONDS)  # signals are heard in between, whichever thread they reached
        except KeyboardInterrupt:  # a second Ctrl-C (core/stop.py): every task ends at its next safe point
            table.interrupted = True
