"""`altool check`: everything that a run does before its first epoch is through, and nothing written."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from altool.core.strategy import Strategy
    from altool.data.task import Task
    from altool.engine.cell import Cell

PROBED = 8


def main(parsed: argparse.Namespace) -> int:
    from altool.config.load import load
    from altool.config.words import parse

    flags = [f"--config-dir={parsed.config_dir}"] if parsed.config_dir else []
    words = parse([*flags, *parsed.words])
    run, origin = load(words)
    if parsed.explain:
        from altool.config.source import source_of

        print(source_of(parsed.explain, words))
        return 0

    from altool.config.build import build_cell

    cell = build_cell(run, origin)
    task = cell.load(cell.seeds[0])
    cell.budget.check(len(task.members))
    try_one_batch(cell, task, cell.strategy)
    print(
        f"ok: {len(task.members)} images in the pool, {cell.budget.total} labels bought in {cell.budget.stages} stages"
    )
    print(f"{cell.folder} on {cell.platform.device} with {cell.platform.precision}")
    return 0


def try_one_batch(cell: "Cell", task: "Task", strategy: "Strategy") -> None:
    """Fits one batch with the strategy's extension, and probes what the strategy will want."""
    import torch

    from altool.core.streams import Streams
    from altool.learners.learner import FitRequest

    torch.set_num_threads(cell.platform.threads)
    learner = dataclasses.replace(cell.learner, epochs=1, min_steps=0)
    n = min(learner.batch_size, cell.budget.start)
    order = np.random.default_rng(0).permutation(task.members)
    labelled, unlabelled = order[:n], np.sort(order[n:])
    request = FitRequest(
        store=task.store,
        labelled=labelled,
        labels=task.oracle.reveal(labelled),
        unlabelled=unlabelled,
        candidates=unlabelled[: max(PROBED, cell.budget.step)],
        n_classes=task.n_classes,
        streams=Streams(cell.seeds[0], 0),
    )
    fitted = learner.fit(request, strategy.extension(), precision=cell.platform.precision)
    if strategy.wants:
        fitted.probe(request.candidates[:PROBED], strategy.wants, draws=1)
