"""Shares of one piece of work in threads of their own, each thread a core.

torch splits every operation over the cores and awaits them at its end. Where a step is a chain of short operations on rows
that do not depend on each other, that waiting is a large part of the time; here a core keeps its rows for the whole chain.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    import torch

Share = TypeVar("Share")
Result = TypeVar("Result")


class Crew:
    """As many threads as torch uses in the caller's; none on a GPU, whose work the caller queues by itself. Until it is
    left, torch keeps to one core in the caller's thread too: its waiting helpers would be in the way.

    with Crew(device) as crew:
        results = crew.each(work, shares)
    """

    def __init__(self, device: "torch.device"):
        import torch

        self.n_threads = torch.get_num_threads() if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        import torch

        if self.n_threads > 1:
            torch.set_num_threads(1)
            # a new thread would take that number at its first operation of torch's own, but MKL has its own mind until then
            self._pool = ThreadPoolExecutor(self.n_threads, "crew", partial(torch.set_num_threads, 1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import torch

        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self.n_threads)

    def each(self, work: Callable[[Share], Result], shares: Iterable[Share]) -> list[Result]:
        """`work(share)` of every share, in their order. Gradients are not recorded."""
        import torch

        def unrecorded(share: Share) -> Result:
            with torch.no_grad():
                return work(share)

        return list(self._pool.map(unrecorded, shares) if self._pool is not None else map(unrecorded, shares))
