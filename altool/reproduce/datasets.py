"""Sizes, class counts and points of an experiment's sets, for the papers' tables and pictures of them (P0 Table 1, P3
Table I and Fig. 2)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from altool.config.build import dataset_spec, imbalance_spec, reading_of
from altool.core.errors import UserError
from altool.core.records import cell as text_of
from altool.data.local_sets import PLACES, find_set
from altool.data.prepare import prepare
from altool.data.public import PUBLIC_SETS, missing, present_at
from altool.data.task import Task
from altool.engine.evaluate import class_entropy
from altool.reproduce.cells import Planned


def not_here(cells: Sequence[Planned]) -> list[str]:
    """What to do about each set that is not on this machine, by a look whether its files are there: none is opened."""
    told = []
    for cell in cells:
        spec, reading = dataset_spec(cell.run.dataset), reading_of(cell.run)
        if spec.reader in PUBLIC_SETS and present_at(spec.reader, reading.root) is None:
            told.append(missing(spec.reader, reading.root))
        if spec.reader in PLACES:
            try:
                find_set(spec, reading)
            except UserError as error:
                told.append(str(error))
    return list(dict.fromkeys(told))


def facts_of(cells: Sequence[Planned]) -> tuple[pd.DataFrame, list[str]]:
    """A row for each cell whose data are here, and what to do about the others."""
    found, absent = [], []
    for cell in cells:
        try:
            found.append(dataset_facts(cell))
        except UserError as error:
            absent.append(str(error))
    return pd.DataFrame(found), list(dict.fromkeys(absent))


def dataset_facts(cell: Planned) -> dict[str, object]:
    """panel, label, dataset, imbalance, n_pool, n_val, n_test, n_classes, start, class_counts (a;b;c), entropy (nats),
    points (`part x y class;…`, "" for sets that do not lie in the plane). Of the first seed; all are the same for every
    seed. Opens the data: UserError where they are missing."""
    run = cell.run
    data, imbalance = dataset_spec(run.dataset), imbalance_spec(run.imbalance)
    task = prepare(data, imbalance, run.seeds[0], "cpu", reading_of(run))
    counts = np.bincount(task.oracle.audit(task.members), minlength=task.n_classes)
    return {
        "panel": cell.panel,
        "label": cell.label,
        "dataset": run.dataset.name,
        "imbalance": run.imbalance.name,
        "n_pool": len(task.members),
        "n_val": len(task.val.indices) if task.val else 0,
        "n_test": len(task.test.indices),
        "n_classes": task.n_classes,
        "start": run.budget.start,
        "class_counts": text_of(tuple(counts.tolist())),
        "entropy": class_entropy(counts),
        "points": _points(task) if task.store.shape == (2,) else "",
    }


def _points(task: Task) -> str:
    test = task.test
    parts = (
        ("pool", task.store.images(task.members), task.oracle.audit(task.members)),
        ("test", test.store.images(test.indices), test.labels),
    )
    return ";".join(
        f"{part} {x:.4f} {y:.4f} {label}"
        for part, points, labels in parts
        for (x, y), label in zip(points.tolist(), np.asarray(labels).tolist(), strict=True)
    )
