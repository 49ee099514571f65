"""`altool run` with no argument, in an empty folder, the start of Python included."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from altool.core.errors import RunFailed
from benchmark.compared import Result, Settings

MOST_ROUNDS = 3


def measure(settings: Settings) -> list[Result]:
    words = ["seeds=0", "learner.epochs=1", "strategy.epochs=1", "budget.stages=2"] if settings.tiny else []
    seconds, cpu = [], []
    for _ in range(min(settings.rounds, MOST_ROUNDS)):
        with tempfile.TemporaryDirectory() as folder:
            wall_begun, cpu_begun = time.perf_counter(), _children_seconds()
            done = subprocess.run(
                [sys.executable, "-m", "altool", "run", *words],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_absolute_paths())},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RunFailed(f"altool run: {done.stderr.strip().splitlines()[-1]}")
        seconds.append(time.perf_counter() - wall_begun)
        cpu.append(_children_seconds() - cpu_begun)
    return [
        Result(
            row="altool run, no argument",
            unit="s",
            must=60,
            aim=20,
            at_most=True,
            value=statistics.median(seconds),
            low=min(seconds),
            high=max(seconds),
            ours_seconds=statistics.median(seconds),
            n=len(seconds),
            note=f"{statistics.median(cpu):.0f} s of processor time",
            rounds=[{"ours_seconds": value} for value in seconds],
        )
    ]


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _absolute_paths() -> list[str]:
    return [str(Path(part or ".").absolute()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep)]
