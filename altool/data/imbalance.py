"""Class imbalance made by removal, of the training pool only; the test set stays as it is.

Sources: P0 5.2 and Table 1, P1 4.3, P2 4.1, the released TA-VAAL code (facts.md D2, T15, T16, V11),
and for the long tail Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR
2019, section 5.
"""

import math

import numpy as np

from altool.core.errors import UserError
from altool.core.streams import stream
from altool.data.spec import ImbalanceSpec


def survivors(
    indices: np.ndarray, labels: np.ndarray, n_classes: int, spec: ImbalanceSpec, seed: int
) -> np.ndarray:
    """The dataset indices that are left, sorted, (M,) int64.

    `indices`: sorted dataset indices, (N,); `labels`: their classes, (N,). Which ones go is drawn
    by `seed`, one stream per class, so a class loses the same items whatever happens to the others.
    Raises UserError when the rule asks for classes or items that are not there.
    """
    present = np.bincount(labels, minlength=n_classes)
    wanted = class_counts(present, spec)
    kept = [_chosen(indices[labels == c], wanted[c], spec, seed, c) for c in range(n_classes)]
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _chosen(members: np.ndarray, n: int, spec: ImbalanceSpec, seed: int, c: int) -> np.ndarray:
    if n == len(members) or spec.rule == "alternating_first":
        return members[:n]
    return stream(seed, "imbalance", c).choice(members, n, replace=False)


def class_counts(present: np.ndarray, spec: ImbalanceSpec) -> np.ndarray:
    """Items per class after `spec`, (C,) int64, from those before it. Raises UserError as
    `survivors` does.
    """
    n_classes = len(present)
    absent = [c for c in spec.classes if not 0 <= c < n_classes]
    if absent:
        raise UserError(
            f"imbalance={spec.name} is about class id {absent[0]}, but the dataset has ids 0 to "
            f"{n_classes - 1}: give others, such as imbalance.classes=[0]."
        )
    match spec.rule:
        case "cut" | "cut_others":
            listed = np.isin(np.arange(n_classes), spec.classes)
            is_cut = listed if spec.rule == "cut" else ~listed
            wanted = np.where(is_cut, [round(n * spec.keep) for n in present.tolist()], present)
        case "alternating_first":
            wanted = np.where(np.arange(n_classes) % 2 == 0, spec.first, present)
        case "counts":
            wanted = _explicit(spec, n_classes)
        case "longtail":
            exponents = np.arange(n_classes) / max(n_classes - 1, 1)
            # Cui et al. round down; the hair added first keeps 5000 · 100^−1 from becoming 49
            wanted = np.array(
                [math.floor(n * spec.ratio**-e + 1e-6) for n, e in zip(present, exponents, strict=True)]
            )
        case _:
            wanted = present
    _refuse_impossible(wanted, present, spec)
    return wanted.astype(np.int64)


def _explicit(spec: ImbalanceSpec, n_classes: int) -> np.ndarray:
    if len(spec.counts) != n_classes:
        example = ",".join(["100"] * min(n_classes, 3)) + (",…" if n_classes > 3 else "")
        raise UserError(
            f"imbalance={spec.name} gives counts for {len(spec.counts)} classes, the dataset has "
            f"{n_classes}: imbalance=counts 'imbalance.counts=[{example}]' takes one number each."
        )
    return np.array(spec.counts)


def _refuse_impossible(wanted: np.ndarray, present: np.ndarray, spec: ImbalanceSpec) -> None:
    for c, (n, there) in enumerate(zip(wanted.tolist(), present.tolist(), strict=True)):
        if n > there:
            raise UserError(f"imbalance={spec.name} asks for {n} items of class {c}, the pool has {there}.")
        if n < 0 or (n == 0 and there > 0 and spec.rule != "counts"):
            raise UserError(
                f"imbalance={spec.name} would leave {n} of the {there} items of class {c}: "
                "every class must keep at least one."
            )
    if not wanted.any():
        raise UserError(f"imbalance={spec.name} leaves no item at all.")
