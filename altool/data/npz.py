"""Arrays in an .npz file: opened without unpickling anything, checked before anything is trained on
them.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from altool.core.errors import UserError
from altool.data.labels import encode, encode_like
from altool.data.spec import DatasetSpec
from altool.data.split import split_off_test
from altool.data.task import Arrays

SPLIT_KEYS = ("train_x", "train_y", "test_x", "test_y")


def load(path: Path) -> dict[str, np.ndarray]:
    """Every array of the file. Raises UserError when it is damaged or holds Python objects."""
    try:
        # opened here, since numpy leaves a damaged archive open
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array without a name")
            return {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        why = "it is no .npz file, or holds Python objects" if "pickle" in str(error) else error
        raise UserError(f"{path} cannot be read as an .npz file of plain arrays: {why}") from error


def as_items(array: np.ndarray, path: Path, key: str) -> np.ndarray:
    """uint8 (P, H, W, C) images, or float32 (P, D) points. Grey images may come without their
    channel axis.
    """
    if array.ndim == 2 and np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise UserError(f"{path}: {key} holds values that are not finite.")
        return array.astype(np.float32)
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        raise UserError(
            f"{path}: {key} is {array.dtype} of shape {array.shape}; give uint8 images "
            "(P, H, W, C) with values 0 to 255, or floating-point features (P, D)."
        )
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] not in (1, 3, 4):
        raise UserError(f"{path}: {key} has shape {array.shape}; channels come last: (P, H, W, C).")
    return array if array.ndim == 4 else array[..., None]


def check_pair(items: np.ndarray, labels: np.ndarray, path: Path, keys: str) -> None:
    """Raises UserError unless there is one label per item, and at least one."""
    if labels.ndim != 1 or len(labels) != len(items):
        raise UserError(f"{path}: {keys} hold {len(items)} items and labels of shape {labels.shape}.")
    if not len(items):
        raise UserError(f"{path}: {keys} are empty.")


def read_own(spec: DatasetSpec, path: Path) -> Arrays:
    """A user's x and y (a test split is drawn), or train_x, train_y, test_x, test_y; `classes` may
    name the labels.
    """
    arrays = load(path)
    names = tuple(str(name) for name in arrays.get("classes", ()))
    if all(key in arrays for key in SPLIT_KEYS):
        train_x = as_items(arrays["train_x"], path, "train_x")
        test_x = as_items(arrays["test_x"], path, "test_x")
        check_pair(train_x, arrays["train_y"], path, "train_x and train_y")
        check_pair(test_x, arrays["test_y"], path, "test_x and test_y")
        if train_x.shape[1:] != test_x.shape[1:]:
            raise UserError(
                f"{path}: items are {train_x.shape[1:]} in train_x, {test_x.shape[1:]} in test_x."
            )
        train_y, classes = encode(arrays["train_y"], path, names)
        return Arrays(
            train_x,
            train_y,
            test_x,
            encode_like(arrays["test_y"], arrays["train_y"], path, names),
            classes,
        )
    if "x" in arrays and "y" in arrays:
        items = as_items(arrays["x"], path, "x")
        check_pair(items, arrays["y"], path, "x and y")
        labels, classes = encode(arrays["y"], path, names)
        return split_off_test(items, labels, classes, spec)
    raise UserError(
        f"{path} holds {', '.join(arrays) or 'nothing'}; it must hold x and y, or {', '.join(SPLIT_KEYS)}."
    )
