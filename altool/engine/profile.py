"""`profile=true`: where a run's time and memory go, phase by phase, in profile.csv beside stages.csv.

Each moment counts for the innermost phase alone, so the seconds add up to the stage. Only then does the clock wait for a
GPU at every border of a phase; results are the same.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from altool.core.turns import own_seconds
from altool.engine.provenance import peak_memory_mib, reset_peak_memory

IDLE = "idle"  # none of the others: drawing, copying, waiting for a file
PHASES = ("fit", "evaluate", "strategy fit", "probe", "score", "select", "save", IDLE)
_here = threading.local()


@dataclass
class Spent:
    """`images`: items trained on or looked at, repeats included; `peak_mib`: of the phase on a GPU, elsewhere the most that
    the process had held by its end."""

    seconds: float = 0.0
    calls: int = 0
    images: int = 0
    peak_mib: float = 0.0


class Profile:
    """The phases of one stage of one seed."""

    def __init__(self, device: torch.device):
        self._device = device
        self._open: list[str] = [IDLE]
        self.begin_stage()

    def begin_stage(self) -> None:
        self.spent = {name: Spent() for name in PHASES}
        self.spent[IDLE].calls = 1
        self._since = own_seconds()

    def enter(self, name: str, images: int) -> None:
        self._account()
        self._open.append(name)
        self.spent[name].calls += 1
        self.spent[name].images += images

    def leave(self) -> None:
        self._account()
        self._open.pop()

    @property
    def peak_mib(self) -> float:
        return max(spent.peak_mib for spent in self.spent.values())

    def rows(self) -> list[dict[str, object]]:
        """One row for each phase that occurred, in the order of PHASES."""
        self._account()
        whole = sum(spent.seconds for spent in self.spent.values())
        return [
            {
                "phase": name,
                "seconds": spent.seconds,
                "share": spent.seconds / whole if whole else 0.0,
                "calls": spent.calls,
                "images": spent.images,
                "images_per_second": spent.images / spent.seconds if spent.seconds and spent.images else None,
                "peak_memory_mib": spent.peak_mib,
            }
            for name, spent in self.spent.items()
            if spent.calls
        ]

    def _account(self) -> None:
        """What was since the last border goes to the phase that is open."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        now, spent = own_seconds(), self.spent[self._open[-1]]
        spent.seconds += now - self._since
        spent.peak_mib = max(spent.peak_mib, peak_memory_mib(self._device))
        reset_peak_memory(self._device)
        self._since = now


@contextmanager
def profiled(profile: Profile | None) -> Iterator[None]:
    """Inside, the phases that this thread enters go to `profile`."""
    _here.profile = profile
    try:
        yield
    finally:
        _here.profile = None


@contextmanager
def phase(name: str, images: int = 0) -> Iterator[None]:
    """One of PHASES; does nothing without `profile=true`."""
    profile: Profile | None = getattr(_here, "profile", None)
    if profile is None:
        yield
        return
    profile.enter(name, images)
    try:
        yield
    finally:
        profile.leave()


@dataclass(frozen=True)
class Line:
    """A phase over stages and seeds."""

    phase: str
    seconds: float
    share: float
    calls: int
    rate: float | None
    peak_mib: float


def summed(rows: Sequence[dict[str, str]]) -> list[Line]:
    """The rows of any number of profile.csv, phase by phase, the longest first."""
    whole = sum(float(row["seconds"]) for row in rows) or 1.0
    lines = []
    for name in PHASES:
        own = [row for row in rows if row["phase"] == name]
        if own:
            seconds, images = (sum(float(row[key]) for row in own) for key in ("seconds", "images"))
            rate = images / seconds if images and seconds else None
            peak = max(float(row["peak_memory_mib"]) for row in own)
            calls = sum(int(row["calls"]) for row in own)
            lines.append(Line(name, seconds, seconds / whole, calls, rate, peak))
    return sorted(lines, key=lambda line: -line.seconds)
