"""Which stages a published number or sentence speaks of: the `at` of published.csv as numbers of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

ANNOTATIONS = " annotations"
MEAN, MOST = "mean", "most"


@dataclass(frozen=True)
class Moment:
    """`text`: how it was read, as people read it; `stages`: numbers of labels. `averaged`: their mean is meant;
    `most`: more than half of them."""

    text: str
    stages: tuple[int, ...]
    averaged: bool = False
    most: bool = False


def readings(at: str) -> int:
    """How many readings `at` has."""
    return 2 if at.endswith(ANNOTATIONS) else 1


def moments(at: str, planned: Sequence[int]) -> list[Moment]:
    """The readings of `at` for a run with these `planned` numbers of labels: one, or two for P3's annotations,
    100 labelled and 100 bought (L1).

    Stages that claims compare come after the first query: before it no strategy has had a say, and in paired runs those
    that train alike are equal there.
    """
    if at.endswith(ANNOTATIONS):
        count = int(at.removesuffix(ANNOTATIONS))
        start = planned[0] if planned else 0
        return [Moment(f"{at} as {n:,} labelled", (n,)) for n in (count, start + count)]
    if at == MEAN:
        return [Moment("mean of all stages", tuple(planned), averaged=True)]
    stages = _stages(at, planned)
    return [Moment(_said(at, stages), stages, most=at == MOST)]


def _stages(at: str, planned: Sequence[int]) -> tuple[int, ...]:
    queried = tuple(planned[1:])
    half = ceil(len(queried) / 2)
    named = {
        "every": queried,
        MOST: queried,
        "first": tuple(planned[:1]),
        "final": tuple(planned[-1:]),
        "early": queried[:half],
        "late": queried[half:] or queried,
    }
    base, _, exceptions = at.partition(" except ")
    if base in named:
        left_out = _numbers(exceptions) if exceptions else ()
        return tuple(n for n in named[base] if n not in left_out)
    if at.startswith(">"):
        return tuple(n for n in queried if n > int(at[1:]))
    return _numbers(at)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(" | ")) if text else ()


def _said(at: str, stages: tuple[int, ...]) -> str:
    if len(stages) == 1:
        return f"{stages[0]:,} labelled"
    return (
        at.replace(" | ", " and ")
        if not at[:1].isdigit()
        else " and ".join(f"{n:,}" for n in stages) + " labelled"
    )
