"""Who executes the steps of a fit: eagerly, or by replaying a recording of each kind of step (performance.md 4.2).

A step is recorded once per batch size and phase of the extension, on tensors that stay where they are: a batch is copied
into them, the recording does the rest. What the recording's rehearsals moved is put back, so that both runners train the
same model.
"""

import logging
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from altool.core.strategy import STEP_BY_STEP
from altool.learners.memory import Frugality
from altool.learners.plan import Batch
from altool.models.dropout import dropouts

if TYPE_CHECKING:
    from altool.learners.train import Job

log = logging.getLogger("altool")
EAGER = "eager"
REHEARSALS = 3
FEWEST_STEPS = 200  # a recording takes as long as some tens of steps
TOLERANCE = (
    0.02  # between a loss and its replay, relative: kernels may differ in rounding, bfloat16 rounds at 0.4 %
)

Step = Callable[["Job", int, int, Batch], Tensor]
Replay = Callable[[], Tensor]
Recorder = Callable[[Callable[[], Tensor], list[Generator]], Replay]  # of a step, and of what it draws from


class NotRecorded(Exception):
    """A step that cannot be recorded, or whose recording does something else."""


class Runner:
    """Executes steps one after another. `told`: what run.json says of it."""

    def __init__(self, job: "Job", step: Step, why: str = ""):
        self.job = job
        self._step = step
        self.told = f"{EAGER}: {why}" if why else EAGER

    def __call__(self, epoch: int, number: int, batch: Batch) -> Tensor:
        """The loss of one step, good until the next one; nothing waits for the device."""
        return self._step(self.job, epoch, number, batch)


class RecordedRunner(Runner):
    """Replays; goes on eagerly where a recording fails."""

    def __init__(self, job: "Job", step: Step, record: Recorder):
        super().__init__(job, step)
        self._record = record
        self._recordings: dict[tuple[int, Hashable], tuple[Batch, Replay]] | None = {}
        self.told = "recorded"

    def __call__(self, epoch: int, number: int, batch: Batch) -> Tensor:
        if self._recordings is None:
            return super().__call__(epoch, number, batch)
        kind = (len(batch), self.job.extension.phase(epoch))
        if kind not in self._recordings:
            try:
                self._recordings[kind] = self._recorded(epoch, number, batch)
            except NotRecorded as reason:
                log.warning("Steps are not recorded: %s", reason)
                self.told = f"{EAGER}: {reason}"
                self._recordings = None
                return super().__call__(epoch, number, batch)
        static, replay = self._recordings[kind]
        static.take(batch)
        return replay()

    def _recorded(self, epoch: int, number: int, batch: Batch) -> tuple[Batch, Replay]:
        """The tensors to put a batch into, and what then makes a step of it. Raises NotRecorded."""
        static = batch.clone()
        generators = {id(g): g for layer in dropouts(self.job.model) if (g := layer.generator) is not None}

        def one() -> Tensor:
            return self._step(self.job, epoch, number, static)

        try:
            with put_back(self.job, list(generators.values())):
                rehearsed = one().item()
                for _ in range(REHEARSALS - 1):
                    one()
                replay = self._record(one, list(generators.values()))
            with put_back(self.job, list(generators.values())):
                replayed = replay().item()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise NotRecorded(str(error).splitlines()[0]) from error
        if not abs(replayed - rehearsed) <= TOLERANCE * max(1.0, abs(rehearsed)):
            raise NotRecorded(f"a step with loss {rehearsed:.4g} was replayed with {replayed:.4g}")
        return static, replay


@contextmanager
def put_back(job: "Job", generators: list[Generator]) -> Iterator[None]:
    """Whatever steps inside move is as before afterwards: weights, statistics, optimisers, generators."""
    networks = [job.model, *job.extension.networks().values()]
    moved = [t for net in networks for t in (*net.parameters(), *net.buffers())]
    moved += [t for optimiser in (job.optimiser, *job.beside) for t in optimiser.state()]
    kept = [tensor.detach().clone() for tensor in moved]
    states = [generator.get_state() for generator in generators]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, before in zip(moved, kept, strict=True):
                tensor.copy_(before)
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def runner_for(job: "Job", step: Step, recorder: Recorder | None) -> Runner:
    """Recorded where there is a `recorder` and the fit allows it."""
    if recorder is None:
        return Runner(job, step)
    reason = _why_eager(job)
    return Runner(job, step, reason) if reason else RecordedRunner(job, step, recorder)


def _why_eager(job: "Job") -> str:
    """Empty where every step can be recorded."""
    if job.frugality != Frugality():
        return "memory is short"
    if not job.items.store.resident:
        return "the pool streams from its memory map"
    if job.items.labels.ndim > 1:
        return "maps of classes stay in main memory"
    if job.extension.phase(0) == STEP_BY_STEP:
        return "the strategy draws or trains between the steps"
    if job.plan.epochs * job.plan.steps_per_epoch < FEWEST_STEPS:
        return "too few steps to record one"
    return ""
