"""Test and validation splits of sets that bring none, the same for every seed of a run."""

import math
from collections.abc import Mapping

import numpy as np

from altool.core.errors import UserError
from altool.core.streams import stream
from altool.data.rows import Items, take
from altool.data.spec import DatasetSpec
from altool.data.task import Arrays

FIRST = 5000  # P3 Table I: 55,000 of MNIST's 60,000, as the TensorFlow tutorial splits them


def stratified(labels: np.ndarray, fraction: float, split_seed: int) -> np.ndarray:
    """Sorted positions of the test items, (M,) int64: of every class the fraction rounded up (V14); or, from 1 on, so many
    in all, by the sizes of the classes with the largest remainders first. Never all of a class.
    """
    rng = stream(split_seed, "split", "test")
    classes, sizes = np.unique(labels, return_counts=True)
    wanted = [math.ceil(fraction * n) for n in sizes] if fraction < 1 else _shares(sizes, int(fraction))
    chosen = []
    for c, n, size in zip(classes, wanted, sizes, strict=True):
        chosen.append(rng.choice(np.flatnonzero(labels == c), min(n, size - 1), replace=False))
    return np.sort(np.concatenate(chosen))


def _shares(sizes: np.ndarray, total: int) -> np.ndarray:
    """`total` items shared out over classes of these sizes, one of each left over. Raises UserError if there are fewer."""
    room = sizes - 1
    if total > room.sum():
        raise UserError(
            f"dataset.test={total}: only {room.sum()} items can be held out, one of each class has to stay: "
            "dataset.test=0.1 holds out a tenth of every class."
        )
    exact = total * sizes / sizes.sum()
    shares = np.minimum(np.floor(exact).astype(np.int64), room)
    while shares.sum() < total:
        open_ = np.flatnonzero(shares < room)
        largest = open_[np.argsort(-(exact - shares)[open_], kind="stable")]
        shares[largest[: total - shares.sum()]] += 1
    return shares


def test_positions(labels: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Sorted positions of the test items. Raises UserError where nothing is, or can be, held out."""
    if spec.test is None:
        raise UserError(f"{spec.name} has no test split: dataset.test=0.2 holds out a fifth of every class.")
    test = stratified(labels, spec.test, spec.split_seed)
    if not len(test):
        raise UserError(f"{spec.name} has one item per class: nothing can be held out for testing.")
    return test


def split_off_test(
    items: Items,
    labels: np.ndarray,
    classes: tuple[str, ...],
    spec: DatasetSpec,
    skipped: Mapping[str, str] | None = None,
) -> Arrays:
    """One heap of items as training and test set; both keep the order of the heap."""
    test = test_positions(labels, spec)
    train = np.setdiff1d(np.arange(len(labels)), test)
    return Arrays(take(items, train), labels[train], take(items, test), labels[test], classes, skipped or {})


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
