"""Every strategy's query grows no faster than its pool: counted, not timed, so that a busy machine changes nothing.

`scripts/bench.py --only growth` measures time and memory up to a million items.
"""

import math

import pytest
from benchmark.queries import N_LABELLED, NOT_LINEAR, names, query_of
from benchmark.timing import Counting

from altool.config.files import options

SIZES = (1100, 4100)
EXPONENT = 1.1


def test_no_strategy_is_left_out() -> None:
    assert set(options("strategy")) - set(names()) == {
        *NOT_LINEAR,
        "mc_dropout",
    }  # the latter is bald's other name


@pytest.mark.parametrize("name", names())
def test_work_is_linear_in_the_pool(name: str) -> None:
    work = []
    for n in SIZES:
        query = query_of(name, n)
        with Counting() as counting:
            query()
        work.append(counting)
    steps = math.log((SIZES[1] - N_LABELLED) / (SIZES[0] - N_LABELLED))
    assert math.log(max(1, work[1].bytes) / max(1, work[0].bytes)) / steps < EXPONENT
    assert math.log(max(1, work[1].operations) / max(1, work[0].operations)) / steps < EXPONENT
