"""Test and validation splits of sets that bring none, the same for every seed of a run."""

import math

import numpy as np

from altool.core.errors import UserError
from altool.core.streams import stream
from altool.data.rows import Items, take
from altool.data.spec import DatasetSpec
from altool.data.task import Arrays

FIRST = 5000  # P3 Table I: 55,000 of MNIST's 60,000, as the TensorFlow tutorial splits them


def stratified(labels: np.ndarray, fraction: float, split_seed: int) -> np.ndarray:
    """Sorted positions of the test items, (M,) int64: of every class the fraction rounded up (V14),
    never all of it.
    """
    rng = stream(split_seed, "split", "test")
    chosen = []
    for c in np.unique(labels):
        members = np.flatnonzero(labels == c)
        n = min(math.ceil(fraction * len(members)), len(members) - 1)
        chosen.append(rng.choice(members, n, replace=False))
    return np.sort(np.concatenate(chosen))


def test_positions(labels: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Sorted positions of the test items. Raises UserError where nothing is, or can be, held out."""
    if spec.test is None:
        raise UserError(f"{spec.name} has no test split: dataset.test=0.2 holds out a fifth of every class.")
    test = stratified(labels, spec.test, spec.split_seed)
    if not len(test):
        raise UserError(f"{spec.name} has one item per class: nothing can be held out for testing.")
    return test


def split_off_test(
    items: Items, labels: np.ndarray, classes: tuple[str, ...], spec: DatasetSpec, skipped: int = 0
) -> Arrays:
    """One heap of items as training and test set; both keep the order of the heap."""
    test = test_positions(labels, spec)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Arrays(take(items, train), labels[train], take(items, test), labels[test], classes, skipped)


def validation(n_train: int, val: int | str, split_seed: int) -> np.ndarray:
    """Sorted dataset indices that are held out of the pool, (V,) int64."""
    n = FIRST if val == "first5000" else int(val)
    if n >= n_train:
        raise UserError(
            f"dataset.val={val}: the training set has {n_train} items, none would be left to buy."
        )
    if val == "first5000":
        return np.arange(n)
    return np.sort(stream(split_seed, "split", "val").choice(n_train, n, replace=False))
