"""What a cell costs: models, epochs, floating-point operations, and hours on a machine.

Operations are counted, not assumed: one step, one look and one query of the cell's own networks run on a handful of blank
items under torch's counter (2 per multiply-add), and are scaled to the sizes of the experiment. Stage 0, which strategies
share, is counted for each: the true cost is a little lower.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from altool.core.strategy import Diagnostics, Strategy
from altool.core.streams import Streams
from altool.core.trace import traced
from altool.data.store import Store, Transforms
from altool.engine.cell import Cell
from altool.engine.query import make_context, run_query
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest
from altool.learners.train import Job, step
from altool.reproduce.sizes import Sizes
from altool.strategies.replay import Replay

ITEMS = 160  # room for a batch of VAT's 128 unlabelled ones
SMALLER = 8  # times: of the sides of what a dense network sees
LABELLED, CANDIDATES, PICKS, DRAWS, BATCH = 4, 8, 2, 2, 2


@dataclass(frozen=True)
class Unit:
    """Operations: of training on one image, of one step beside its images, of looking at one image, of a query per item
    offered or labelled, and of one of the strategy's own iterations."""

    trained: float
    step: float
    viewed: float
    queried: float
    iteration: float


@dataclass(frozen=True)
class Cost:
    """Of all seeds of a cell, or of several cells. `steps`: optimiser steps, which cost time however small they are."""

    runs: int = 0
    models: int = 0
    epochs: int = 0
    flops: float = 0.0
    steps: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, key) + getattr(other, key) for key in self.__dataclass_fields__))

    def times(self, share: float) -> "Cost":
        """A part of it; a run that has begun is still a run."""
        models, epochs, steps = (round(share * n) for n in (self.models, self.epochs, self.steps))
        return Cost(self.runs, models, epochs, share * self.flops, steps)


def cell_cost(cell: Cell, sizes: Sizes, n_seeds: int, unit: Unit | None = None) -> Cost:
    """The cost of `n_seeds` whole runs of the cell."""
    unit = unit or count(cell, sizes)
    budget, learner = cell.budget, cell.learner
    epochs, flops, steps = 0, 0.0, 0
    traces = traced(cell.trace, budget.stages)
    for stage in range(budget.stages):
        labelled = budget.labelled_at(stage)
        n_epochs = learner.epochs_for(labelled)
        batches = -(-labelled // learner.batch_size)
        rest = max(0, sizes.pool - labelled)
        offered = rest if budget.n_candidates is None else min(rest, budget.n_candidates)
        looks = sizes.test + sizes.val + (n_epochs * sizes.test if stage in traces else 0)
        flops += n_epochs * (labelled * unit.trained + batches * unit.step) + looks * unit.viewed
        epochs, steps = epochs + n_epochs, steps + n_epochs * batches
        if stage < budget.queries or cell.diagnostics.final:
            iterations = cell.strategy.iterations(labelled, offered)
            flops += (offered + labelled) * unit.queried + iterations * unit.iteration
            steps += iterations
    return Cost(n_seeds, n_seeds * budget.stages, n_seeds * epochs, n_seeds * flops, n_seeds * steps)


def count(cell: Cell, sizes: Sizes) -> Unit:
    """Counts the operations of the cell's networks on blank items of the right shape, on the processor. Dense networks see
    images of an eighth of the side: their operations grow with the pixels."""
    shape, pixels = sizes.shape, 1.0
    if cell.learner.dense:
        channels, height, width = shape
        shape = (channels, height // SMALLER, width // SMALLER)
        pixels = height * width / (shape[1] * shape[2])
    store = _blank(shape)
    small, large = (_job(cell, store, sizes.classes, size) for size in (BATCH, 2 * BATCH))
    few, many = (_flops(lambda job=job: step(job, 0, 0, next(job.plan.batches(0)))) for job in (small, large))
    trained = (many - few) / BATCH
    streams, chunk = Streams(0, 0), cell.learner.eval_batch
    request = _request(cell, store, sizes.classes, LABELLED, CANDIDATES)
    taught = (request.labelled, request.labels)
    fitted = FittedModel(small.model, small.extension, store, streams, "fp32", chunk, taught=taught)
    viewed = _flops(lambda: fitted.predict(store, np.arange(PICKS))) / PICKS
    queried, iteration = _query(cell, store, sizes.classes, fitted)
    beside = max(0.0, few - BATCH * trained)
    return Unit(pixels * trained, beside, pixels * viewed, pixels * queried, iteration)


def _blank(shape: tuple[int, ...]) -> Store:
    if len(shape) == 1:
        return Store(np.zeros((ITEMS, *shape), np.float32), Transforms(), "cpu")
    channels, height, width = shape
    return Store(np.zeros((ITEMS, height, width, channels), np.uint8), Transforms(), "cpu")


def _request(cell: Cell, store: Store, n_classes: int, n_labelled: int, n_candidates: int) -> FitRequest:
    order = np.arange(ITEMS)
    rest = order[n_labelled : n_labelled + n_candidates]
    labels = order[:n_labelled] % n_classes
    if cell.learner.dense:
        labels = np.zeros((n_labelled, *store.shape[1:]), np.uint8)
    return FitRequest(store, order[:n_labelled], labels, rest, rest, n_classes, Streams(0, 0))


def _job(cell: Cell, store: Store, n_classes: int, batch: int) -> Job:
    learner = replace(cell.learner, epochs=1, batch_size=batch, min_steps=0, drop_last="never")
    request = _request(cell, store, n_classes, batch, ITEMS - batch)
    job = learner.prepare(request, cell.extension, "fp32")
    for network in (job.model, *job.extension.networks().values()):
        network.train()
    return job


def _query(cell: Cell, store: Store, n_classes: int, fitted: FittedModel) -> tuple[float, float]:
    """Operations of a query per item, and of one iteration of the strategy's own training at its own batch size."""
    strategy = cell.strategy
    if isinstance(strategy, Replay):
        return 0.0, 0.0
    factor = 1.0
    if "mc_logits" in strategy.wants:
        factor = strategy.draws / DRAWS  # type: ignore[attr-defined]  # who asks for draws says how many
        strategy = replace(strategy, draws=DRAWS)  # type: ignore[call-arg]
    request = _request(cell, store, n_classes, LABELLED, CANDIDATES)
    own_batch = getattr(strategy, "batch_size", BATCH)
    if strategy.rehearsal(LABELLED, CANDIDATES, 1) is not None:
        strategy = replace(strategy, batch_size=BATCH)  # type: ignore[call-arg]
    once, twice = (strategy.rehearsal(LABELLED, CANDIDATES, n) for n in (1, 2))

    def query(short: Strategy) -> float:
        context = make_context(
            short,
            fitted,
            request,
            request.streams,
            "fp32",
            cell.learner.eval_batch,
            Diagnostics(),
            lambda done, of: None,
        )
        return _flops(lambda: run_query(short, context, PICKS))

    if once is None or twice is None:
        return factor * query(strategy) / (LABELLED + CANDIDATES), 0.0
    short = query(once)
    iteration = query(twice) - short
    return max(0.0, short - iteration) / (LABELLED + CANDIDATES), iteration * own_batch / BATCH


def _flops(work: Callable[[], object]) -> float:
    with _Counter() as counter:
        work()
    return counter.flops


class _Counter(TorchDispatchMode):
    """torch's own formulas on every operation; its FlopCounterMode also tracks modules, which autograd.grad breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        return out
