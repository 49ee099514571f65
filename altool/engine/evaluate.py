"""How good a fitted model is on held-out items."""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import confusion_matrix
from torch import Tensor

from altool.core.errors import RunFailed
from altool.core.records import Metrics
from altool.data.task import Split
from altool.engine.profile import phase
from altool.learners.fitted import FittedModel

ECE_BINS = 15  # Guo et al. 2017


def evaluate(fitted: FittedModel, split: Split | None, n_classes: int) -> Metrics:
    """All metrics of one split; empty where there is no split."""
    if split is None or not len(split.indices):
        return Metrics()
    with phase("evaluate", len(split.indices)):
        logits_N_C = fitted.predict(split.store, split.indices)
        if not torch.isfinite(logits_N_C).all():
            raise RunFailed("the model's outputs on held-out items are not finite")
        return metrics(logits_N_C.cpu(), torch.from_numpy(split.labels), n_classes)


def metrics(logits_N_C: Tensor, labels_N: Tensor, n_classes: int) -> Metrics:
    """Last-epoch metrics (facts.md section 3). Balanced accuracy averages the recalls of the classes that occur;
    macro F1 is over all classes, 0 where a class neither occurs nor is predicted."""
    truth, predicted = labels_N.cpu().numpy(), logits_N_C.argmax(1).cpu().numpy()
    classes = list(range(n_classes))
    confusion_C_C = confusion_matrix(truth, predicted, labels=classes)
    hits, there, said = confusion_C_C.diagonal(), confusion_C_C.sum(1), confusion_C_C.sum(0)
    recalls, occurs = hits / there.clip(min=1), there > 0
    return Metrics(
        accuracy=float((truth == predicted).mean()),
        balanced_accuracy=float(recalls[occurs].mean()),
        macro_f1=float((2 * hits / (there + said).clip(min=1)).mean()),
        recall_per_class=tuple(float(r) if o else None for r, o in zip(recalls, occurs, strict=True)),
        nll=F.cross_entropy(logits_N_C.double(), labels_N).item(),
        ece=expected_calibration_error(logits_N_C, labels_N),
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
