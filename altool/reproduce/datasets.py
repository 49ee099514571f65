"""Sizes and class counts of an experiment's pools, for the papers' tables of datasets (P0 Table 1, P3 Table I)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from altool.analysis.published import statements
from altool.analysis.verdict import FACTS
from altool.config.build import dataset_spec, imbalance_spec, reading_of
from altool.core.errors import UserError
from altool.core.records import cell as text_of
from altool.data.prepare import prepare
from altool.engine.evaluate import class_entropy
from altool.reproduce.cells import Planned


def judges_sizes(name: str) -> bool:
    """Whether the paper prints sizes of the sets that the experiment looks at."""
    return any(said.metric in FACTS for said in statements(name))


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
