"""A few real steps on throw-away networks: what `altool check` runs, and where the predicted time comes from.

Streams are named, so nothing here shifts a result. No label is used: the rehearsed items all get class 0.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from torch import Tensor

from altool.core.strategy import Diagnostics
from altool.core.streams import Streams
from altool.core.trace import traced
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.engine.forecast import Forecast, Rates, Work
from altool.engine.loop import stages_done
from altool.engine.query import make_context
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest
from altool.learners.train import step

ITEMS = 256
PIXELS, FEWEST = 256 * 224 * 224, 8  # of larger images fewer are looked at
STEPS = 3
ITERATIONS = 3


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal found: the loss after its steps, the rates, and the outputs that the strategy will read."""

    loss: float
    rates: Rates
    served: dict[str, tuple[int, ...]]


def rehearse(cell: Cell) -> Rehearsal:
    """Trains a few steps, probes what the strategy wants, and runs a few of the strategy's iterations."""
    task = cell.load(cell.seeds[0])
    request = _request(cell, task)
    learner = replace(cell.learner, epochs=STEPS, min_steps=0)
    job = learner.prepare(request, cell.extension, cell.platform.precision)
    batch = next(job.plan.batches(0))
    loss = step(job, 0, 0, batch)
    trained = _seconds(lambda: step(job, 0, 0, batch).item(), STEPS - 1) / len(batch.positions)
    fitted = FittedModel(
        job.model,
        job.extension,
        task.store,
        request.streams,
        cell.platform.precision,
        learner.eval_batch,
        taught=(request.labelled, request.labels),
    )
    fitted.predict(task.store, request.candidates[:2], _first)
    viewed = _seconds(lambda: fitted.predict(task.store, request.candidates, _first), 1) / len(
        request.candidates
    )
    wants = cell.strategy.wants
    served = fitted.probe(request.candidates[:2], wants, draws=1) if wants else {}
    return Rehearsal(
        loss.item(),
        Rates(trained, viewed, _iteration_seconds(cell, request, fitted)),
        {name: tuple(values.shape[1:]) for name, values in served.items()},
    )


def forecast(cell: Cell, rates: Rates) -> Forecast:
    """The forecast of the cell's remaining stages."""
    task = cell.load(cell.seeds[0])
    works = [_work(cell, task, stage) for stage in range(cell.budget.stages)]
    todo = {(seed, stage): work for seed in cell.seeds for stage, work in enumerate(works)}
    result = Forecast(rates, todo)
    result.skip({seed: stages_done(cell, seed) for seed in cell.seeds})
    return result


def _work(cell: Cell, task: Task, stage: int) -> Work:
    budget = cell.budget
    labelled = budget.labelled_at(stage)
    rest = len(task.members) - labelled
    offered = rest if budget.n_candidates is None else min(rest, budget.n_candidates)
    queries = stage < budget.stages - 1 or cell.diagnostics.final
    epochs = cell.learner.epochs_for(labelled)
    held_out = len(task.test.indices) + (len(task.val.indices) if task.val else 0)
    looks = queries and (cell.strategy.wants or cell.strategy.input_gradients)
    return Work(
        trained=epochs * labelled,
        viewed=held_out + (offered + labelled if looks else 0),
        iterations=cell.strategy.iterations(labelled, offered) if queries else 0,
        traced=epochs * len(task.test.indices) if stage in traced(cell.trace, budget.stages) else 0,
    )


def _request(cell: Cell, task: Task) -> FitRequest:
    pixels = prod(task.store.shape[1:])  # 1 of points
    members = task.members[: cell.learner.batch_size + min(ITEMS, max(FEWEST, PIXELS // pixels))]
    n = min(cell.learner.batch_size, max(1, len(members) // 2))
    return FitRequest(
        store=task.store,
        labelled=members[:n],
        labels=np.zeros((n, *task.oracle.label_shape), np.uint8 if task.is_dense else np.int64),
        unlabelled=members[n:],
        candidates=members[n:],
        n_classes=task.n_classes,
        streams=Streams(cell.seeds[0], 0),
    )


def _first(logits: Tensor) -> Tensor:
    """One number of each item: maps of a few hundred large images fill a device."""
    return logits.flatten(1)[:, :1]


def _iteration_seconds(cell: Cell, request: FitRequest, fitted: FittedModel) -> float:
    short = cell.strategy.rehearsal(len(request.labelled), len(request.candidates), ITERATIONS)
    if short is None:
        return 0.0
    stamps: list[float] = []
    context = make_context(
        short,
        fitted,
        request,
        request.streams,
        cell.platform.precision,
        cell.learner.eval_batch,
        Diagnostics(),
        lambda done, of: stamps.append(time.perf_counter()),
    )
    short.fit(context)
    return (stamps[-1] - stamps[0]) / (len(stamps) - 1)


def _seconds(work: Callable[[], object], times: int) -> float:
    begin = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begin) / times
