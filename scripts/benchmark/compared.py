"""What is compared: two ways to do the same work, and what came of timing them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Settings:
    """`tiny`: sizes that take a moment, to test the paths; ratios mean nothing there."""

    rounds: int = 5
    threads: int = 2
    tiny: bool = False

    def size(self, real: int, tiny: int) -> int:
        return tiny if self.tiny else real


@dataclass(frozen=True)
class Part:
    """A part of the work; the whole takes `scale` times as long, by its known growth."""

    run: Callable[[], Any]
    scale: float = 1.0


@dataclass(frozen=True)
class Ours:
    """altool's side of one row. `must`, `aim`: what reference over ours has to reach; `precision`: fp32 or bf16."""

    row: str
    must: float
    aim: float
    parts: Sequence[Part]
    precision: str = "fp32"


@dataclass(frozen=True)
class Workload:
    """`check` compares what both sides found, off the clock: it says what is equal and raises AssertionError otherwise.
    `note`: which fraction of the reference ran. `threads`: of both sides, where fewer serve them better."""

    reference: Sequence[Part]
    ours: Sequence[Ours]
    check: Callable[[], str] = lambda: ""
    note: str = ""
    threads: int | None = None


@dataclass(frozen=True)
class Count:
    """Floating-point operations (2 per multiply-add) and bytes that tensors take in and out of every operation."""

    operations: float
    bytes: float


@dataclass(frozen=True)
class Result:
    """One row of the table. `value` is compared with `must` and `aim`: a ratio (×), or a quantity in `unit` that must be
    reached, or stayed under where `at_most`; None: not measured, `note` says why. Seconds are wall medians; `low`, `high`:
    least and largest value of a round."""

    row: str
    unit: str
    must: float
    aim: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    reference_seconds: float | None = None
    ours_seconds: float | None = None
    cpu_ratio: float | None = None
    n: int = 0
    at_most: bool = False
    precision: str = "fp32"
    count: Count | None = None
    note: str = ""
    rounds: list[dict[str, float]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`must`, `aim`: what is met; `no`; `unresolved` where rounds lie on both sides of the must."""
        if self.value is None:
            return "not measured"
        sign = -1 if self.at_most else 1
        if self.low is not None and self.high is not None and self.n > 1 and self.low < self.must < self.high:
            return "unresolved"
        if self.aim is not None and sign * self.value >= sign * self.aim:
            return "aim"
        return "must" if sign * self.value >= sign * self.must else "no"
