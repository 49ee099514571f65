"""One stage of one seed: fit, evaluate, query, reveal, record."""

import logging
from dataclasses import dataclass

import numpy as np

from altool.core.maps import class_counts, recorded
from altool.core.pool import Pool
from altool.core.records import Metrics, Purchase, Seconds, StageRecord
from altool.core.runfolder import RunFolder
from altool.core.strategy import Diagnostics, Extension
from altool.core.streams import Streams
from altool.core.trace import traced
from altool.data.task import Task
from altool.engine.cell import Cell
from altool.engine.clock import timed
from altool.engine.diagnose import diagnose
from altool.engine.evaluate import class_entropy, evaluate
from altool.engine.profile import Profile, phase
from altool.engine.progress import SeedProgress
from altool.engine.provenance import peak_memory_mib, reset_peak_memory
from altool.engine.query import Query, make_context, run_query
from altool.engine.shared_fit import SharedFit, StageZeroCache
from altool.engine.trace import trace
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest
from altool.learners.train import EpochReport

log = logging.getLogger("altool")


@dataclass(frozen=True)
class Fitted:
    """A model with what is known of it."""

    model: FittedModel
    test: Metrics
    fit_seconds: float
    evaluate_seconds: float


def run_stage(
    cell: Cell,
    seed: int,
    stage: int,
    task: Task,
    pool: Pool,
    folder: RunFolder,
    progress: SeedProgress,
    profile: Profile | None = None,
) -> Pool:
    """Runs `stage` and commits it; returns the pool with what was bought for the next one."""
    reset_peak_memory(cell.platform.device)
    streams = Streams(seed, stage)
    labels = task.oracle.recall(np.array([p.index for p in folder.purchases], np.int64))
    request = FitRequest(
        store=task.store,
        labelled=pool.labelled,
        labels=labels,
        unlabelled=pool.unlabelled,
        candidates=cell.budget.draw_candidates(pool.unlabelled, len(task.store), streams),
        n_classes=task.n_classes,
        streams=streams,
        carry=folder.read_carry(stage),
    )
    epochs: list[dict[str, object]] = []
    fitted = _fit(cell, seed, stage, task, request, epochs, progress)
    with timed(cell.platform.device) as val_timer:
        val = evaluate(fitted.model, task.val, task.n_classes)
    if fitted.model.steps is not None:
        folder.run["steps"] = fitted.model.steps
    last = stage == cell.budget.stages - 1
    query = None
    diagnostics = Diagnostics()
    if fitted.model.micro_batch is not None:
        folder.run["micro_batch"] = fitted.model.micro_batch
        diagnostics.warn(
            f"memory was short: batches were trained {fitted.model.micro_batch} items at a time, so batch norm and "
            "losses that compare items saw less."
        )
    if not last or (cell.diagnostics.final and len(request.candidates) >= cell.budget.step):
        query = _query(cell, request, fitted.model, diagnostics, progress)
    counts = class_counts(labels, task.n_classes)
    record = StageRecord(
        identity=cell.identity,
        seed=seed,
        stage=stage,
        n_labelled=len(pool.labelled),
        n_distinct=len(np.unique(pool.labelled)),
        test=fitted.test,
        val=val,
        class_counts=tuple(int(c) for c in counts),
        class_entropy=class_entropy(counts),
        seconds=Seconds(
            fit=fitted.fit_seconds,
            strategy_fit=query.strategy_fit_seconds if query else 0.0,
            score=query.score_seconds if query else 0.0,
            select=query.select_seconds if query else 0.0,
            evaluate=fitted.evaluate_seconds + val_timer.seconds,
        ),
        peak_memory_mib=max(peak_memory_mib(cell.platform.device), profile.peak_mib if profile else 0.0),
        device=str(cell.platform.device),
    )
    with phase("save"):
        folder.write_diagnostics(stage, diagnose(cell, task, request, fitted.model, query, diagnostics))
        if diagnostics.numbers:
            folder.append_table("diagnostics.csv", stage, [dict(diagnostics.numbers)])
        if epochs:
            folder.append_table("epochs.csv", stage, epochs)
        if query is not None and not last:
            pool = pool.acquire(query.picks.indices, stage + 1, cell.strategy.buys_duplicates)
            folder.write_carry(stage + 1, query.picks.carry)
            folder.add_purchases(_purchases(task, query, stage + 1))
        folder.warn(stage, diagnostics.warnings)
        folder.commit_stage(record)
    for message in diagnostics.warnings:
        log.info("seed %d stage %d warns: %s", seed, stage, message)
    progress.stage_done(record)
    return pool


def draw_start(cell: Cell, seed: int, task: Task) -> np.ndarray:
    """The start set: uniform over the pool, or as equal over classes as it allows (`start_rule: balanced`, which looks at
    labels that are not bought yet: a convenience of simulations, used by none of the papers)."""
    streams = Streams(seed, 0)
    order = streams.numpy("start").permutation(len(task.store))
    members = order[np.isin(order, task.members)]
    if cell.budget.start_rule == "random":
        return members[: cell.budget.start]
    labels = task.oracle.audit(members)
    turn = np.zeros(len(members), np.int64)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        turn[of_class] = np.arange(len(of_class))
    return members[np.argsort(turn, kind="stable")][: cell.budget.start]


def _fit(
    cell: Cell,
    seed: int,
    stage: int,
    task: Task,
    request: FitRequest,
    epochs: list[dict[str, object]],
    progress: SeedProgress,
) -> Fitted:
    extension = cell.extension
    precision = cell.platform.precision
    cache = StageZeroCache(cell, seed, task.digest, extension, request) if stage == 0 else None
    tracing = stage in traced(cell.trace, cell.budget.stages)
    if cache is not None and not tracing:
        shared = _take_shared(cell, task, request, extension, cache)
        if shared is not None:
            return shared

    def on_epoch(report: EpochReport) -> None:
        progress.epoch(stage, report.epoch + 1, report.epochs)
        if tracing:
            del epochs[report.epoch :]  # of an attempt that ran out of memory
            epochs.append(trace(report, task, seed))

    trained = cell.learner.epochs_for(len(request.labelled)) * len(request.labelled)
    with timed(cell.platform.device) as fit, phase("fit", trained):
        model = cell.learner.fit(
            request, extension, precision=precision, cuda_graphs=cell.platform.cuda_graphs, on_epoch=on_epoch
        )
    with timed(cell.platform.device) as evaluation:
        test = evaluate(model, task.test, task.n_classes)
    if cache is not None and model.micro_batch is None:  # split batches train another model
        cache.store(SharedFit(model.state(), float(test.accuracy or 0.0), fit.seconds))
    return Fitted(model, test, fit.seconds, evaluation.seconds)


def _take_shared(
    cell: Cell, task: Task, request: FitRequest, extension: Extension | None, cache: StageZeroCache
) -> Fitted | None:
    """The shared fit of stage 0, None where there is none that still is what it was."""
    shared = cache.load()
    if shared is None:
        return None
    try:
        with phase("fit"):
            model = cell.learner.fit(
                request, extension, precision=cell.platform.precision, saved=shared.state
            )
    except (KeyError, RuntimeError):
        log.warning("The shared stage 0 belongs to other networks; training again.")
        return None
    with timed(cell.platform.device) as evaluation:
        test = evaluate(model, task.test, task.n_classes)
    if test.accuracy != shared.accuracy:
        log.warning("The shared stage 0 no longer evaluates to the same accuracy; training again.")
        return None
    return Fitted(model, test, shared.fit_seconds, evaluation.seconds)


def _query(
    cell: Cell,
    request: FitRequest,
    model: FittedModel,
    diagnostics: Diagnostics,
    progress: SeedProgress,
) -> Query:
    context = make_context(
        cell.strategy,
        model,
        request,
        request.streams,
        cell.platform.precision,
        cell.learner.eval_batch,
        diagnostics,
        progress.querying,
    )
    return run_query(cell.strategy, context, cell.budget.step)


def _purchases(task: Task, query: Query, stage: int) -> list[Purchase]:
    labels = recorded(task.oracle.reveal(query.picks.indices))
    rows = zip(query.picks.indices, labels, query.picks.scores, strict=True)
    return [Purchase(stage, r, int(i), y, float(s)) for r, (i, y, s) in enumerate(rows)]
