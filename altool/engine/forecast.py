"""How long a run will still take: work still to do × measured rates, corrected by every stage that finishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from altool.core.records import StageRecord


@dataclass(frozen=True)
class Work:
    """What one stage does: images trained on, images only looked at, the strategy's own training iterations, and images
    looked at while it trains (`trace`)."""

    trained: int
    viewed: int
    iterations: int
    traced: int = 0


@dataclass(frozen=True)
class Rates:
    """Seconds of each unit of work."""

    trained: float
    viewed: float
    iteration: float

    def fit_seconds(self, work: Work) -> float:
        return work.trained * self.trained + work.traced * self.viewed

    def other_seconds(self, work: Work) -> float:
        return work.viewed * self.viewed + work.iterations * self.iteration


@dataclass
class Forecast:
    """`todo`: the work of every (seed, stage) that is not done yet."""

    rates: Rates
    todo: dict[tuple[int, int], Work]
    _fit: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _other: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def observe(self, record: StageRecord) -> None:
        """Takes a finished stage off the list and corrects the rates; stage 0 may be a cached one and teaches nothing."""
        work = self.todo.pop((record.seed, record.stage), None)
        if work is None or record.stage == 0:
            return
        seconds = record.seconds
        for sums, took, expected in (
            (self._fit, seconds.fit, self.rates.fit_seconds(work)),
            (self._other, seconds.query + seconds.evaluate, self.rates.other_seconds(work)),
        ):
            sums[0] += took
            sums[1] += expected

    def left_seconds(self) -> float:
        fit = sum(self.rates.fit_seconds(work) for work in self.todo.values())
        other = sum(self.rates.other_seconds(work) for work in self.todo.values())
        return fit * _correction(self._fit) + other * _correction(self._other)

    def skip(self, done: Mapping[int, int]) -> None:
        """Forgets the first `done[seed]` stages of each seed."""
        self.todo = {key: work for key, work in self.todo.items() if key[1] >= done.get(key[0], 0)}


def _correction(sums: list[float]) -> float:
    took, expected = sums
    return took / expected if expected > 0 else 1.0


def human_seconds(seconds: float) -> str:
    """A duration for people: 25 s, 4 min, 2.5 h, 3.1 days."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
