"""Time of work that a GPU may still be busy with when the call returns, without other seeds' turns."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from altool.core.turns import own_seconds


class Timer:
    """`seconds` after the block that `timed` wraps."""

    seconds: float = 0.0


@contextmanager
def timed(device: torch.device) -> Iterator[Timer]:
    timer = Timer()
    begin = own_seconds()
    yield timer
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    timer.seconds = own_seconds() - begin
