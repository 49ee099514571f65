"""The public sets through torchvision: its readers, its downloads, its checksums."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from altool.core.errors import UserError
from altool.data.public import PUBLIC_SETS
from altool.data.task import Arrays

# What torchvision's readers raise on damaged files. The CIFAR batches are pickles, opened only
# after their MD5 sums have been found to be the official ones.
DAMAGED = (
    RuntimeError,
    ValueError,
    AssertionError,
    OSError,
    EOFError,
    LookupError,
    TypeError,
    pickle.UnpicklingError,
)


def read_torchvision(name: str, data_root: Path, download: bool) -> Arrays:
    """Both splits as torchvision reads them; class names where the files hold them (CIFAR-100),
    else none.
    """
    try:
        train, test = (_open(name, data_root, is_train, download) for is_train in (True, False))
        parts = [*_arrays(train), *_arrays(test)]
    except DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        what = "could not be downloaded" if download else "cannot be read"
        raise UserError(f"{name} in {data_root} {what}: {reason}.") from error
    return Arrays(*parts, classes=tuple(train.classes) if name == "cifar100" else ())


def _open(name: str, data_root: Path, is_train: bool, download: bool) -> Any:
    from torchvision import datasets

    reader = getattr(datasets, PUBLIC_SETS[name].torchvision)
    if name == "svhn":
        return reader(data_root, split="train" if is_train else "test", download=download)
    return reader(data_root, train=is_train, download=download)


def _arrays(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (P, H, W, C) and labels int64 (P,), from what each reader keeps."""
    labels = dataset.labels if hasattr(dataset, "labels") else dataset.targets
    images = np.asarray(dataset.data)
    if images.ndim == 3:  # MNIST and its kind: no channel axis
        images = images[..., None]
    elif images.shape[1] == 3:  # SVHN: channels first
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.asarray(labels, dtype=np.int64)
