"""`trace`: of which stages epochs.csv is asked for, and whether a finished run has them."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Literal

from altool.core.errors import RunConflict
from altool.core.records import read_rows

Trace = bool | Literal["last"]


def traced(trace: Trace, stages: int) -> range:
    """The stages that `trace` asks for, of a run of `stages`."""
    return range(stages - 1 if trace == "last" else 0, stages if trace else 0)


def trace_word(trace: Trace) -> str:
    return f"trace={str(trace).lower()}"


def has_trace(path: Path, trace: Trace, epochs: Sequence[int]) -> bool:
    """Whether the epochs.csv at `path` holds what `trace` asks for, whole. `epochs`: of the fit of every stage."""
    wanted = traced(trace, len(epochs))
    if not wanted:
        return True
    try:
        rows = read_rows(path)
        found = {(int(row["stage"]), int(row["epoch"])) for row in rows if _is_whole(row)}
    except (RunConflict, KeyError, TypeError, ValueError):
        return False
    return all((stage, epoch) in found for stage in wanted for epoch in range(epochs[stage]))


def _is_whole(row: dict[str, str]) -> bool:
    return all(isfinite(float(value)) for value in row.values())
