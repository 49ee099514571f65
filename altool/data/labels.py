"""A user's labels, integers or words, as 0 to C−1."""

from pathlib import Path

import numpy as np

from altool.core.errors import UserError


def encode(raw: np.ndarray, where: Path, names: tuple[str, ...] = ()) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as int64 (P,), and the class names in label order, from the training labels.

    `names`: what the person calls the classes; then the labels already are positions among them.
    Without names the sorted distinct labels are the classes. Raises UserError for fewer than two
    classes.
    """
    values, labels = np.unique(_plain(raw, where), return_inverse=True)
    if len(values) < 2:
        raise UserError(f"{where} has one class only ({values[0]}): there is nothing to learn.")
    if not names:
        return labels.astype(np.int64), tuple(str(value) for value in values)
    if not np.issubdtype(values.dtype, np.integer) or values[0] < 0 or values[-1] >= len(names):
        raise UserError(f"{where}: classes has {len(names)} names, so labels must be 0 to {len(names) - 1}.")
    return raw.astype(np.int64), names


def encode_like(
    raw: np.ndarray, training: np.ndarray, where: Path, names: tuple[str, ...] = ()
) -> np.ndarray:
    """Test labels by the classes of the `training` labels. Raises UserError for a class that has no
    training item.
    """
    values, wanted = np.unique(_plain(training, where)), _plain(raw, where)
    unseen = np.setdiff1d(wanted, values)
    if len(unseen):
        raise UserError(f"{where}: the test labels hold {unseen[0]}, which no training item has.")
    return wanted.astype(np.int64) if names else np.searchsorted(values, wanted).astype(np.int64)


def _plain(raw: np.ndarray, where: Path) -> np.ndarray:
    if np.issubdtype(raw.dtype, np.integer) or raw.dtype.kind == "U":
        return raw
    raise UserError(f"{where}: labels are {raw.dtype}; give integers or words.")
