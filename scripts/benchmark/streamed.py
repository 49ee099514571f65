"""A query over a pool of ImageNet's size that stays on disk: a sparse memory map, a random projection as embedding.

    python scripts/bench.py --only streamed

1.28 million images of 32×32 pixels, 3.7 GiB, of which nothing is ever resident. What is read from the sparse file is mixed
with a pattern of each image's own, so that no image is black. Time has no disk in it; memory is the process's own, since
pages of a memory map are the system's to take back.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from altool.core.errors import RunFailed
from altool.core.strategy import Strategy
from altool.core.streams import stream
from altool.data.rows import Rows
from altool.data.store import Store
from altool.engine.query import run_query
from altool.models.output import Output, TaskModel, image_shape
from altool.strategies.coreset import CoreSet
from altool.strategies.entropy import Entropy
from benchmark.compared import Result, Settings
from benchmark.growth import MUST_GIB, child
from benchmark.scene import CIFAR, STREAMS, context_of, request_of

N_ITEMS, SIDE, N_LABELLED, STEP, WIDTH, CLASSES = 1_280_000, 32, 1000, 1000, 64, 1000
STRATEGIES: dict[str, type[Strategy]] = {"entropy": Entropy, "coreset": CoreSet}
STATUS = Path("/proc/self/status")


class Patterned(Rows):
    """Rows of a sparse file, each plus a pattern of its own."""

    def __init__(self, source: np.ndarray, positions: np.ndarray):
        super().__init__(source, positions)
        self.patterns = stream(0, "benchmark", "patterns").integers(
            0, 256, (4096, *source.shape[1:]), dtype=np.uint8
        )

    def __getitem__(self, which: Any) -> np.ndarray:
        found = super().__getitem__(which)
        positions = np.arange(len(self))[which]
        return (
            found
            + self.patterns[positions % 4096]
            + (positions // 4096).astype(np.uint8)[:, None, None, None]
        )


class RandomProjection(TaskModel):
    """A fixed random projection of the pixels, and a linear layer."""

    def __init__(self, input_shape: tuple[int, ...], n_classes: int):
        super().__init__()
        self.project = nn.Linear(int(np.prod(image_shape(input_shape))), WIDTH).requires_grad_(False)
        self.head = nn.Linear(WIDTH, n_classes)
        self.embedding_width, self.tap_channels = WIDTH, (WIDTH,)

    def forward(self, x: Tensor) -> Output:
        embedding = self.project(x.flatten(1))
        return Output(self.head(embedding), embedding, (embedding,))


def measure(settings: Settings) -> list[Result]:
    if not STATUS.exists():
        return [_row(name, 0, None, 0, "reads /proc: Linux only") for name in STRATEGIES]
    n = settings.size(N_ITEMS, 5000)
    results = []
    for name in STRATEGIES:
        done = child(["-m", "benchmark.streamed", name, str(n)], settings)
        if done.returncode:
            raise RunFailed(f"{name} over a streamed pool: {done.stderr.strip().splitlines()[-1]}")
        wall, cpu, mib = (float(word) for word in done.stdout.split()[-3:])
        results.append(_row(name, n, mib / 1024, wall, f"{wall:.0f} s, {cpu:.0f} s of processor time"))
    return results


def _row(name: str, n: int, gib: float | None, seconds: float, note: str) -> Result:
    return Result(
        row=f"streamed pool, {name}, {n:,} images",
        unit="GiB",
        must=MUST_GIB,
        at_most=True,
        value=gib,
        ours_seconds=seconds or None,
        n=1,
        note=note,
    )


def own_mib() -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def main(name: str, n: int) -> None:
    """Prints wall and processor seconds of a query, and the peak of the process's own memory above that before it, MiB."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pixels"
        with path.open("wb") as file:
            file.truncate(n * SIDE * SIDE * 3)
        source = np.memmap(path, np.uint8, "r", shape=(n, SIDE, SIDE, 3))
        before = peak = own_mib()
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.01):
                peak = max(peak, own_mib())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        wall, cpu = time.perf_counter(), time.process_time()
        _query(STRATEGIES[name](), Store(Patterned(source, np.arange(n)), CIFAR, "cpu", resident=False))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        done.set()
        watcher.join()
        print(wall, cpu, peak - before)


def _query(strategy: Strategy, store: Store) -> None:
    from altool.core.strategy import ExtensionRun
    from altool.learners.fitted import FittedModel

    with STREAMS.init("backbone"):
        model = RandomProjection(store.shape, CLASSES)
    fitted = FittedModel(model, ExtensionRun(), store, STREAMS, "fp32", 512)
    request = request_of(store, min(N_LABELLED, len(store) // 10), CLASSES)
    run_query(strategy, context_of(strategy, fitted, request), min(STEP, len(store) // 10))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
