"""Wall time of work that a GPU may still be busy with when the call returns."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Timer:
    """`seconds` after the block that `timed` wraps."""

    seconds: float = 0.0


@contextmanager
def timed(device: torch.device) -> Iterator[Timer]:
    timer = Timer()
    begin = time.perf_counter()
    yield timer
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    timer.seconds = time.perf_counter() - begin
