"""The training loop: one pure step, run eagerly. No branch on data, no host synchronisation inside an epoch."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from altool.core.errors import RunFailed
from altool.core.maps import IGNORED
from altool.core.stop import check_stop
from altool.core.strategy import ExtensionRun, TrainingStep
from altool.core.turns import others_wait, pass_turn
from altool.data.store import Store, moved
from altool.learners.memory import Frugality
from altool.learners.optimise import lr_factor
from altool.learners.plan import Batch, StagePlan
from altool.learners.recompute import recomputing
from altool.learners.runner import Recorder, runner_for
from altool.models.optimisers import Optimiser
from altool.models.output import TaskModel, item_losses

if TYPE_CHECKING:
    from altool.learners.learner import Learner


@dataclass(frozen=True)
class EpochReport:
    """After epoch `epoch` (from 0) of `epochs`: mean training loss in nats, extension included."""

    epoch: int
    epochs: int
    loss: float
    model: TaskModel


OnEpoch = Callable[[EpochReport], None]


@dataclass(frozen=True)
class TrainingItems:
    """The labelled items by position, then an extension's extra samples, which are trained on as they are. Maps of classes
    stay in main memory until their batch comes, and move as their images do."""

    store: Store
    indices: Tensor
    labels: Tensor
    extra: Tensor | None

    @staticmethod
    def of(
        store: Store, labelled: np.ndarray, labels: np.ndarray, extra: tuple[Tensor, Tensor] | None
    ) -> "TrainingItems":
        indices = torch.tensor(labelled, device=store.device)
        known = torch.from_numpy(labels) if labels.ndim > 1 else torch.tensor(labels, device=store.device)
        if extra is None:
            return TrainingItems(store, indices, known, None)
        images, more = extra
        return TrainingItems(store, indices, torch.cat([known, more.to(known)]), images.to(store.device))

    def __len__(self) -> int:
        return len(self.labels)

    def prefetch(self, batch: Batch) -> None:
        """Begins to read a batch that will be gathered next."""
        if not self.store.resident and self.extra is None:
            self.store.prefetch(self.indices[batch.positions])

    def gather(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images and labels of a batch."""
        positions = batch.positions
        if self.extra is None:
            items = self.store.augmented(self.indices[positions], batch.dy, batch.dx, batch.flip)
            return items, self.labels[positions] if self.labels.ndim == 1 else self._maps(batch)
        own = len(self.indices)
        inside = positions.clamp(max=own - 1)
        items = self.store.augmented(self.indices[inside], batch.dy, batch.dx, batch.flip)
        twins = self.extra[(positions - own).clamp(min=0)]
        shape = (-1, *[1] * (items.ndim - 1))
        return torch.where((positions < own).view(shape), items, twins), self.labels[positions]

    def _maps(self, batch: Batch) -> Tensor:
        maps = self.labels[batch.positions.cpu().long()].to(self.store.device)
        moves = (batch.dy, batch.dx, batch.flip)
        return moved(maps, *moves, self.store.transforms.crop_pad, IGNORED).long()


@dataclass
class Job:
    """One fit at work: (seed, strategy, stage)."""

    learner: "Learner"
    model: TaskModel
    extension: ExtensionRun
    items: TrainingItems
    plan: StagePlan
    optimiser: Optimiser
    beside: list[Optimiser]
    precision: str
    frugality: Frugality = field(default_factory=Frugality)


def step(job: Job, epoch: int, number: int, batch: Batch) -> Tensor:
    """One update of everything that is trained; returns the loss, detached, without waiting for it."""
    first, *others = batch.split(job.frugality.micro_batch)
    seen, loss = _loss(job, epoch, number, first, 0, len(batch))
    loss = loss * (len(first) / len(batch)) if others else loss
    optimisers = [job.optimiser, *(job.beside if job.extension.optimised_now(epoch) else [])]
    for optimiser in optimisers:
        optimiser.zero_grad()
    loss.backward()
    total, done = loss.detach(), len(first)
    for part in others:
        seen, loss = _loss(job, epoch, number, part, done, len(batch))
        done += len(part)
        loss = loss * (len(part) / len(batch))
        loss.backward()
        total = total + loss.detach()
    for optimiser in optimisers:
        optimiser.step()
    job.extension.after_step(seen)  # where a batch was split: its last part
    return total


def _loss(job: Job, epoch: int, number: int, batch: Batch, done: int, of: int) -> tuple[TrainingStep, Tensor]:
    """The mean loss of a batch, or of a part after `done` items `of` one, with its graph; and what the extension sees."""
    images, labels_B = job.items.gather(batch)

    bf16 = job.precision == "bf16"
    with torch.autocast(images.device.type, torch.bfloat16) if bf16 else nullcontext():
        output = job.model(images)
    losses_B = item_losses(output.logits.float(), labels_B)
    seen = TrainingStep(epoch, number, images, labels_B, output, losses_B, done, of)
    added = job.extension.loss(seen)
    return seen, losses_B.mean() if added is None else losses_B.mean() + added


def train(job: Job, on_epoch: OnEpoch, recorder: Recorder | None = None) -> str:
    """Runs all epochs, steps recorded where there is a `recorder`; returns how. Raises RunFailed on a non-finite loss,
    Stopped when asked to stop."""
    with recomputing(job.model) if job.frugality.recompute else nullcontext():
        return _train(job, on_epoch, recorder)


def _train(job: Job, on_epoch: OnEpoch, recorder: Recorder | None) -> str:
    learner, plan, run = job.learner, job.plan, runner_for(job, step, recorder)
    job.model.train()
    for network in job.extension.networks().values():
        network.train()
    number, factor = 0, None
    for epoch in range(plan.epochs):
        total = torch.zeros((), device=plan.positions.device)
        batches = list(plan.batches(epoch))
        for batch, following in zip(batches, [*batches[1:], None], strict=True):
            if following is not None:
                job.items.prefetch(following)
            wanted = lr_factor(
                learner.schedule,
                epoch,
                number,
                plan.epochs,
                plan.steps_per_epoch,
                learner.milestones,
                learner.gamma,
            )
            if wanted != factor:
                factor = wanted
                for optimiser in (job.optimiser, *job.beside):
                    optimiser.set_lr(learner.lr * factor)
            total += run(epoch, number, batch)
            number += 1
            pass_turn()
        mean = settled(total) / plan.steps_per_epoch
        if not np.isfinite(mean):
            raise RunFailed(f"the training loss is {mean} in epoch {epoch + 1} of {plan.epochs}")
        check_stop()
        on_epoch(EpochReport(epoch, plan.epochs, mean, job.model))
    return run.told


def settled(value: Tensor) -> float:
    """A number from the device. While it is still at work there, other seeds have their turns."""
    if value.device.type == "cuda" and others_wait():
        done = torch.cuda.Event()
        done.record(torch.cuda.current_stream(value.device))
        while not done.query():
            pass_turn()
    return value.item()
