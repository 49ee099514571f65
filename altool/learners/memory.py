"""What to do when the device's memory is full: first recompute activations, which changes nothing but the time, then split
the batches, which changes batch norm and whatever compares the items of a batch.

A fit depends on named streams alone, so it simply begins again, one step more frugal.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from altool.core.chunks import release_memory
from altool.core.errors import RunFailed

log = logging.getLogger("altool")
Done = TypeVar("Done")
SMALLEST = 2  # batch norm has no variance of one item (V16)


@dataclass(frozen=True)
class Frugality:
    """How a fit saves memory. `recompute`: activations of every block are computed again for the backward pass;
    `micro_batch`: at most so many items at a time, their gradients added up."""

    recompute: bool = False
    micro_batch: int | None = None

    def more(self, batch_size: int) -> "Frugality | None":
        """The next thing to try, None where there is nothing left."""
        if not self.recompute:
            return replace(self, recompute=True)
        half = (self.micro_batch or batch_size) // 2
        return replace(self, micro_batch=half) if half >= SMALLEST else None

    def __str__(self) -> str:
        if self.micro_batch:
            return f"{self.micro_batch} items at a time: batch norm and losses that compare items see these alone"
        return "activations are computed twice, results stay the same"


def within_memory(attempt: Callable[[Frugality], Done], batch_size: int) -> Done:
    """What `attempt` gives, begun again more frugally as often as memory runs out. Raises RunFailed when nothing helps."""
    frugality = Frugality()
    while True:
        try:
            return attempt(frugality)
        except torch.OutOfMemoryError as error:
            reason = str(error).splitlines()[0] if str(error) else "no memory"
        # outside the handler, whose traceback holds on to the memory
        release_memory()
        following = frugality.more(batch_size)
        if following is None:
            raise RunFailed(
                f"out of memory with {frugality.micro_batch or batch_size} items at a time ({reason}): take a smaller "
                "model or image size, or a device that is not shared."
            )
        log.warning("out of memory in training; beginning the fit again: %s", following)
        frugality = following
