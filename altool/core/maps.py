"""What a label can be: the class of an item, labels (N,) int64; or a map of classes, labels (N, H, W) uint8, where every
pixel of an image has its own (a dense task, such as the segmentation of P1 4.4).
"""

import numpy as np

IGNORED = 255  # the class of pixels that are neither learnt nor judged (facts.md 1.7)


def class_counts(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Items of each class, or pixels, (C,) int64."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=n_classes)
    counts = np.zeros(n_classes, np.int64)
    for each in labels:  # counting makes 64 bits of every pixel
        counts += np.bincount(each.ravel(), minlength=IGNORED + 1)[:n_classes]
    return counts


def recorded(labels: np.ndarray) -> list[int | None]:
    """Labels as acquired.csv has them: nothing in the place of a map."""
    return [int(label) if labels.ndim == 1 else None for label in labels]
