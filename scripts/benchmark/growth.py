"""How every strategy's query grows with the pool, 10,000 to 1,000,000 items of 64 numbers: the exponent of its time, and the
peak of memory. One process per strategy."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from altool.core.errors import RunFailed
from benchmark.compared import Result, Settings
from benchmark.queries import REPEATS, names

MUST_EXPONENT, MUST_GIB = 1.1, 2.0


def measure(settings: Settings) -> list[Result]:
    sizes = [10**3, 2 * 10**3] if settings.tiny else [10**4, 10**5, 10**6]
    results = []
    for name in ["random", "coreset"] if settings.tiny else names():
        results += _rows(name, sizes, _queries(name, sizes, settings))
    return results


def _rows(name: str, sizes: list[int], found: list[tuple[float, float]]) -> list[Result]:
    seconds, mib = (np.array(part) for part in zip(*found, strict=True))
    logs = np.log(sizes), np.log(seconds)
    largest = (logs[1][-1] - logs[1][-2]) / (logs[0][-1] - logs[0][-2])
    fitted = np.polyfit(*logs, 1)[0]
    took = ", ".join(f"{n:,}: {s:.2g} s" for n, s in zip(sizes, seconds, strict=True))
    return [
        Result(
            row=f"growth of {name}",
            unit="exponent",
            must=MUST_EXPONENT,
            at_most=True,
            value=max(largest, fitted),
            n=1,
            note=f"processor seconds {took}; over the last step {largest:.2f}, fitted {fitted:.2f}; all but the "
            f"largest size are medians of {REPEATS}",
        ),
        Result(
            row=f"memory of {name}, {sizes[-1]:,} items",
            unit="GiB",
            must=MUST_GIB,
            at_most=True,
            value=mib[-1] / 1024,
            n=1,
            note="peak above that after import, " + ", ".join(f"{value:.0f} MiB" for value in mib),
        ),
    ]


def _queries(name: str, sizes: list[int], settings: Settings) -> list[tuple[float, float]]:
    done = child(["-m", "benchmark.queries", name, *(str(n) for n in sizes)], settings)
    if done.returncode:
        code = f"ended with code {done.returncode}"  # -9 where it was killed for memory
        said = done.stderr.strip().splitlines() or [code]
        raise RunFailed(f"{name} with up to {sizes[-1]:,} items: {said[-1]}")
    numbers = [float(word) for word in done.stdout.split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def child(words: list[str], settings: Settings) -> subprocess.CompletedProcess[str]:
    """A Python of its own, which finds this package and what this one finds."""
    paths = [str(Path(__file__).parents[1]), *(str(Path(part or ".").absolute()) for part in sys.path)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(settings.threads),
        "OMP_WAIT_POLICY": "PASSIVE",  # as `altool run`: processor time is then work, not waiting
    }
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, env=environment
    )
