"""Passes over many items in chunks that fit into the device's memory: who runs out of it goes on with half as many."""

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from altool.core.errors import RunFailed

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger("altool")
Serve = Callable[[slice], "dict[str, Tensor]"]


def in_chunks(
    n: int, size: int, serve: Serve, progress: Callable[[int, int], None] = lambda done, of: None
) -> "tuple[dict[str, Tensor], int]":
    """What `serve` gives for the slices of n items, row by row, and the size that chunks had in the end. A chunk for which
    memory does not suffice is served again in halves, and later ones are no larger. `serve` is called once where n is 0.

    Results are gathered in one place: many small tensors between large ones would tear the heap.
    """
    import torch

    whole: dict[str, Tensor] = {}
    start = 0
    while start < n or not start:
        part = slice(start, min(start + size, n))
        try:
            found = serve(part)
        except torch.OutOfMemoryError:
            if part.stop - part.start < 2:
                raise
            found = None
        if found is None:  # outside the handler, whose traceback holds on to memory
            size = (part.stop - part.start) // 2
            log.warning("out of memory: scoring %d items at a time from now on", size)
            release_memory()
            continue
        for key, values in found.items():
            if key not in whole:
                whole[key] = values.new_empty((n, *values.shape[1:]))
            whole[key][part] = values
        if not n:
            break
        start = part.stop
        progress(start, n)
    return whole, size


@contextmanager
def told_when_full(doing: str) -> Iterator[None]:
    """Raises RunFailed with what to do where not even single items fit into the device's memory."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        reason = (str(error).splitlines() or ["no memory"])[0]
        raise RunFailed(
            f"out of memory {doing} ({reason}): take a smaller model or image size, or a device that is not shared."
        ) from None


def release_memory() -> None:
    """Gives back what nobody holds any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
