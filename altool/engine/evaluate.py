"""How good a fitted model is on held-out items."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix
from torch import Tensor

from altool.core.chunks import told_when_full
from altool.core.errors import RunFailed
from altool.core.maps import IGNORED
from altool.core.records import Metrics
from altool.data.task import Split
from altool.engine.profile import phase
from altool.learners.fitted import FittedModel

ECE_BINS = 15  # Guo et al. 2017


def evaluate(fitted: FittedModel, split: Split | None, n_classes: int) -> Metrics:
    """All metrics of one split; empty where there is no split."""
    if split is None or not len(split.indices):
        return Metrics()
    with phase("evaluate", len(split.indices)), told_when_full("on held-out items"):
        if split.labels.ndim > 1:
            with torch.no_grad():
                return map_metrics(fitted.logits, split, n_classes)
        logits_N_C = fitted.predict(split.store, split.indices)
        if not torch.isfinite(logits_N_C).all():
            raise RunFailed("the model's outputs on held-out items are not finite")
        return metrics(logits_N_C.cpu(), torch.from_numpy(np.asarray(split.labels)), n_classes)


def metrics(logits_N_C: Tensor, labels_N: Tensor, n_classes: int) -> Metrics:
    """Last-epoch metrics (facts.md section 3)."""
    truth, predicted = labels_N.cpu().numpy(), logits_N_C.argmax(1).cpu().numpy()
    confusion_C_C = confusion_matrix(truth, predicted, labels=list(range(n_classes)))
    return replace(
        of_confusion(confusion_C_C),
        nll=F.cross_entropy(logits_N_C.double(), labels_N).item(),
        ece=expected_calibration_error(logits_N_C, labels_N),
    )


def of_confusion(confusion_C_C: np.ndarray) -> Metrics:
    """What a confusion matrix says, rows by truth. Balanced accuracy averages the recalls of the classes that occur; macro
    F1 is over all classes, 0 where a class neither occurs nor is predicted."""
    hits, there, said = confusion_C_C.diagonal(), confusion_C_C.sum(1), confusion_C_C.sum(0)
    recalls, occurs = hits / there.clip(min=1), there > 0
    return Metrics(
        accuracy=float(hits.sum() / there.sum()),
        balanced_accuracy=float(recalls[occurs].mean()),
        macro_f1=float((2 * hits / (there + said).clip(min=1)).mean()),
        recall_per_class=tuple(float(r) if o else None for r, o in zip(recalls, occurs, strict=True)),
    )


def map_metrics(logits_of: Callable[[Tensor], Tensor], split: Split, n_classes: int) -> Metrics:
    """All metrics of maps of classes, over the pixels of all images together but for those of class IGNORED (facts.md 1.7).

    `logits_of`: (1, C, h, w) of an image. One image at a time, at the resolution of its map: the logits are interpolated.
    IoU is hits / (truth or prediction); the mean is over the classes that either names, the others have none.
    """
    confusion_C_C = np.zeros((n_classes, n_classes), np.int64)
    gaps, nll = np.zeros(ECE_BINS), 0.0
    for row, index in enumerate(split.indices):
        map_H_W = split.labels[row : row + 1][0]
        logits = logits_of(split.store.images([index]))
        if not torch.isfinite(logits).all():
            raise RunFailed("the model's outputs on held-out items are not finite")
        log_probs = F.interpolate(logits, map_H_W.shape, mode="bilinear").log_softmax(1)
        truth = torch.from_numpy(map_H_W[None]).to(logits.device, torch.int64)
        nll += F.nll_loss(log_probs, truth, reduction="none", ignore_index=IGNORED).sum().item()
        confidence, predicted = (part.cpu().numpy()[0] for part in log_probs.max(1))
        judged = map_H_W != IGNORED
        there, said = map_H_W[judged].astype(np.int64), predicted[judged]
        confusion_C_C += np.bincount(there * n_classes + said, minlength=n_classes**2).reshape(n_classes, -1)
        sure = np.exp(confidence[judged].astype(np.float64))
        bins = np.clip(np.ceil(sure * ECE_BINS).astype(int), 1, ECE_BINS) - 1
        gaps += np.bincount(bins, (there == said) - sure, ECE_BINS)
    n_pixels = confusion_C_C.sum()
    if not n_pixels:
        raise RunFailed("no pixel of the held-out maps has one of the classes")
    hits, union = confusion_C_C.diagonal(), confusion_C_C.sum(0) + confusion_C_C.sum(1)
    union = union - hits
    ious = tuple(float(h / u) if u else None for h, u in zip(hits, union, strict=True))
    return replace(
        of_confusion(confusion_C_C),
        nll=nll / float(n_pixels),
        ece=float(np.abs(gaps).sum() / n_pixels),
        miou=float(np.mean([iou for iou in ious if iou is not None])),
        iou_per_class=ious,
    )


def expected_calibration_error(logits_N_C: Tensor, labels_N: Tensor) -> float:
    """Gap between confidence and accuracy, averaged over equal-width confidence bins by share (Guo et al. 2017)."""
    confidence_N, predicted_N = logits_N_C.double().softmax(1).max(1)
    correct_N = (predicted_N == labels_N).double()
    bins_N = (confidence_N * ECE_BINS).ceil().long().clamp(1, ECE_BINS) - 1
    gaps = torch.zeros(ECE_BINS, dtype=torch.float64, device=bins_N.device)
    gaps.index_add_(0, bins_N, correct_N - confidence_N)
    return float(gaps.abs().sum() / len(bins_N))


def class_entropy(class_counts: np.ndarray) -> float:
    """Shannon entropy of the class shares, in nats (P0 Fig. 6); 0 for a single class."""
    shares = class_counts[class_counts > 0] / class_counts.sum()
    return float(-(shares * np.log(shares)).sum()) + 0.0
