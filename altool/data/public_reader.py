"""The public sets read and checked: from a prepared file where there is one, else by torchvision."""

from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.data import npz
from altool.data.public import PUBLIC_SETS, missing, present_at, remedy
from altool.data.task import Arrays
from altool.data.torchvision_sets import read_torchvision


def read_public(name: str, data_root: Path, download: bool = False) -> Arrays:
    """The set, from its prepared file or through torchvision. Downloads only with `download`.

    Raises UserError when it is missing, damaged, or not what it should be.
    """
    where = present_at(name, data_root)
    if where is None and not download:
        raise UserError(missing(name, data_root))
    try:
        if where is not None and where.is_file():
            return _checked(name, _read_prepared(where))
        return _checked(name, read_torchvision(name, data_root, download and where is None))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.')}. {remedy(name, where)}") from error


def _read_prepared(path: Path) -> Arrays:
    arrays = npz.load(path)
    absent = [key for key in npz.SPLIT_KEYS if key not in arrays]
    if absent:
        raise UserError(f"{path} lacks {', '.join(absent)}.")
    parts = []
    for part in ("train", "test"):
        items, labels = npz.as_items(arrays[f"{part}_x"], path, f"{part}_x"), arrays[f"{part}_y"]
        npz.check_pair(items, labels, path, f"{part}_x and {part}_y")
        if not np.issubdtype(labels.dtype, np.integer):
            raise UserError(f"{path}: {part}_y is {labels.dtype}, not integers.")
        parts += [items, labels.astype(np.int64)]
    return Arrays(*parts, classes=())


def _checked(name: str, arrays: Arrays) -> Arrays:
    """The set with its class names, once it has the size, shape and labels it is known for."""
    known = PUBLIC_SETS[name]
    for part, items, labels, n in (
        ("training", arrays.train_x, arrays.train_y, known.n_train),
        ("test", arrays.test_x, arrays.test_y, known.n_test),
    ):
        if items.shape != (n, *known.shape):
            raise UserError(
                f"{known.title} has {n} {part} images of shape {known.shape}, the file here has "
                f"{len(items)} of {items.shape[1:]} (your own arrays: dataset=npz dataset.path=…)."
            )
        if not np.array_equal(np.unique(labels), np.arange(len(known.classes))):
            raise UserError(f"{known.title}: the {part} labels are not 0 to {len(known.classes) - 1}.")
    return Arrays(
        arrays.train_x,
        arrays.train_y,
        arrays.test_x,
        arrays.test_y,
        arrays.classes or known.classes,
    )
