"""How large a cell's data are, without opening what is not there: shapes, counts, what the imbalance leaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from altool.config.build import dataset_spec, imbalance_spec
from altool.config.schema import RunConfig
from altool.data.imbalance import class_counts
from altool.data.public import PUBLIC_SETS

FIRST5000 = "first5000"  # the one split that dataset.val names


@dataclass(frozen=True)
class Sizes:
    """`shape`: of one item, (C, H, W) or (D,); `pool`: what a run may buy; `test`, `val`: held out."""

    shape: tuple[int, ...]
    classes: int
    pool: int
    test: int
    val: int


def sizes_of(run: RunConfig) -> Sizes | None:
    """None where nobody can know. An experiment's `sizes:` say it of a set that altool cannot look up."""
    reader, said = run.dataset.reader, run.reproduce.get("sizes")
    if reader in PUBLIC_SETS:
        known = PUBLIC_SETS[reader]
        height, width, channels = known.shape
        present = np.full(len(known.classes), known.n_train // len(known.classes))
        return _left(run, (channels, height, width), present, known.n_train, known.n_test)
    if said:
        present = np.full(said["classes"], said["train"] // said["classes"])
        return _left(run, tuple(said["shape"]), present, said["train"], said["test"])
    if reader in _embedded() or run.dataset.path is not None:
        return _read(run)
    return None


def _left(run: RunConfig, shape: tuple[int, ...], present: np.ndarray, train: int, test: int) -> Sizes:
    val = 5000 if run.dataset.val == FIRST5000 else int(run.dataset.val)
    pool = train - val
    if run.imbalance.rule != "none":  # of the balanced sets alone: the papers thin out no other
        share = (present * pool) // max(1, train)
        pool = int(class_counts(share, imbalance_spec(run.imbalance)).sum())
    return Sizes(shape, len(present), pool, test, val)


def _embedded() -> Mapping[str, Any]:
    from altool.data.embedded import EMBEDDED

    return EMBEDDED


def _read(run: RunConfig) -> Sizes | None:
    from altool.core.errors import UserError
    from altool.data.prepare import prepare

    try:
        task = prepare(dataset_spec(run.dataset), imbalance_spec(run.imbalance), 0, "cpu")
    except UserError:
        return None
    val = len(task.val.indices) if task.val else 0
    return Sizes(task.store.shape, task.n_classes, len(task.members), len(task.test.indices), val)
