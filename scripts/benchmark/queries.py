"""One query of every strategy over a pool of points, as large as one likes, through the engine's own protocol."""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from altool.config.build import build_strategy
from altool.config.files import options
from altool.core.strategy import Strategy
from altool.core.streams import stream
from altool.data.store import Store, Transforms
from altool.engine.query import Query, run_query
from benchmark.scene import context_of, learner_of, request_of

STATUS = Path("/proc/self/status")
DIMENSIONS, N_LABELLED, STEP = 64, 100, 100
# less work per item, the same growth: the networks that a strategy trains see the pool a fraction of a time
LESS: dict[str, dict[str, Any]] = {
    "bald": {"draws": 5},
    "core_gcn": {"epochs": 5},
    "uncertain_gcn": {"epochs": 5},
    "dfal": {"max_iterations": 5, "twins": False},
    "sraal": {"epochs": 0.5},
    "ta_vaal": {"epochs": 0.5},
    "vaal": {"epochs": 0.5},
    "vaal_learning_loss": {"epochs": 0.5},
    "vab_al": {"epochs": 1, "draws": 4, "width": 32},
}
REPEATS = 3  # of all sizes but the largest, which take a second or less
NOT_LINEAR = {"replay"}  # needs a recorded run


def names() -> list[str]:
    """Every strategy that has a YAML file of its own."""
    nodes = {name: yaml.safe_load(option.path.read_text()) for name, option in options("strategy").items()}
    return [name for name, node in nodes.items() if "defaults" not in node and name not in NOT_LINEAR]


def strategy_of(name: str) -> Strategy:
    node = yaml.safe_load(options("strategy")[name].path.read_text())
    return build_strategy({**node, **LESS.get(name, {})})


def query_of(name: str, n: int) -> Callable[[], Query]:
    """A model fitted with the strategy's extension; what is returned queries all other of `n` points."""
    rng = stream(0, "benchmark", "points")
    points = rng.standard_normal((n, DIMENSIONS), dtype=np.float32)
    points[: n // 2] += 0.5
    strategy = strategy_of(name)
    store = Store(points, Transforms(), "cpu")
    request = request_of(store, N_LABELLED, 2)
    learner = learner_of("learner=mlp", "dataset=moons", epochs=2)
    fitted = learner.fit(request, strategy.extension())
    context = context_of(strategy, fitted, request, chunk=learner.eval_batch)
    return lambda: run_query(strategy, context, STEP)


def peak_mib() -> float:
    """The most memory this process ever had, MiB."""
    if STATUS.exists():  # getrusage's peak on Linux is also that of whoever started the process
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main(name: str, sizes: list[int]) -> None:
    """Prints, for each size, processor seconds of the query (a median, but for the largest) and the peak of memory above
    that after all imports, MiB. Sizes rise, so that a peak is the last one's."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    query_of(name, 10 * STEP)()  # warm-up: whatever is imported late
    before = peak_mib()
    for n in sizes:
        seconds = []
        for _ in range(1 if n == sizes[-1] else REPEATS):
            query = query_of(name, n)
            begun = time.process_time()
            query()
            seconds.append(time.process_time() - begun)
        print(statistics.median(seconds), peak_mib() - before, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], [int(word) for word in sys.argv[2:]])
