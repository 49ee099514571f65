"""Sizes and class counts of an experiment's pools, for the papers' tables of datasets (P0 Table 1, P3 Table I)."""

import numpy as np

from altool.config.build import dataset_spec, imbalance_spec, reading_of
from altool.core.records import cell as text_of
from altool.data.prepare import prepare
from altool.engine.evaluate import class_entropy
from altool.reproduce.cells import Planned


def dataset_facts(cell: Planned) -> dict[str, object]:
    """panel, label, dataset, imbalance, n_pool, n_val, n_test, n_classes, start, class_counts (a;b;c), entropy (nats). Of
    the first seed; the counts are the same for all. Opens the data: UserError where they are missing."""
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
    }
