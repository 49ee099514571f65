"""Metrics against scikit-learn, scipy and a loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, recall_score

from altool.core.errors import RunFailed
from altool.core.records import Metrics
from altool.data.store import Store, Transforms
from altool.data.task import Split
from altool.engine.evaluate import class_entropy, evaluate, expected_calibration_error, metrics


def brute_force_ece(probs: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    total = 0.0
    for b in range(bins):
        inside = [
            n
            for n, row in enumerate(probs)
            if b / bins < row.max() <= (b + 1) / bins or (b == row.max() == 0)
        ]
        if inside:
            confidence = np.mean([probs[n].max() for n in inside])
            accuracy = np.mean([probs[n].argmax() == labels[n] for n in inside])
            total += len(inside) / len(labels) * float(abs(confidence - accuracy))
    return total


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 200),
    n_classes=st.integers(2, 7),
    occurring=st.integers(1, 7),
    sharpness=st.sampled_from([0.1, 2.0, 20.0]),
)
def test_all_metrics_agree_with_other_implementations(
    seed: int, n: int, n_classes: int, occurring: int, sharpness: float
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, sharpness, (n, n_classes)).astype(np.float32)
    labels = rng.integers(0, min(occurring, n_classes), n)  # some classes may never occur
    found = metrics(torch.tensor(logits), torch.tensor(labels), n_classes)
    wide = logits.astype(np.float64)
    probs = np.exp(wide - wide.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    said, names = logits.argmax(1), list(range(n_classes))
    recalls = recall_score(labels, said, labels=names, average=None, zero_division=np.nan)  # type: ignore[arg-type]
    assert found.accuracy == pytest.approx(np.mean(said == labels))
    assert found.balanced_accuracy == pytest.approx(np.nanmean(recalls))
    assert found.macro_f1 == pytest.approx(
        f1_score(labels, said, labels=names, average="macro", zero_division=0)  # type: ignore[arg-type]
    )
    assert found.recall_per_class is not None
    for recall, ours in zip(np.atleast_1d(recalls), found.recall_per_class, strict=True):
        assert ours is None if np.isnan(recall) else ours == pytest.approx(recall)
    if probs.min() > 1e-14:  # scikit-learn clips below
        assert found.nll == pytest.approx(log_loss(labels, probs, labels=names), rel=1e-9, abs=1e-12)
    assert found.ece == pytest.approx(brute_force_ece(probs, labels), abs=1e-12)


def test_balanced_accuracy_is_scikit_learns_where_every_class_occurs() -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(size=(90, 4)), np.arange(90) % 4
    found = metrics(torch.tensor(logits), torch.tensor(labels), 4)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, logits.argmax(1)))


def test_a_class_that_never_occurs_has_no_recall_and_no_part_in_the_balance() -> None:
    logits = torch.tensor([[9.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [9.0, 0.0, 0.0]])
    found = metrics(logits, torch.tensor([0, 0, 1, 1]), 3)
    assert found.recall_per_class == (1.0, 0.5, None)
    assert found.balanced_accuracy == 0.75
    assert found.macro_f1 == pytest.approx((4 / 5 + 2 / 3 + 0) / 3)


def test_calibration_by_hand() -> None:
    """Confidence 0.9 and right, 0.9 and wrong, 0.6 and right: bins of 2 and 1."""
    probs = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], dtype=torch.float64)
    found = expected_calibration_error(probs.log(), torch.tensor([0, 1, 1]))
    assert found == pytest.approx(2 / 3 * abs(0.9 - 0.5) + 1 / 3 * abs(0.6 - 1.0))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9).filter(any))
def test_class_entropy_is_scipys_in_nats(counts: list[int]) -> None:
    found = class_entropy(np.array(counts))
    assert found == pytest.approx(float(entropy(counts)), abs=1e-12)
    assert str(found) != "-0.0"


class Constant:
    """Stands in for a fitted model that says the same of everything."""

    def __init__(self, *logits: float):
        self.logits = torch.tensor(logits)

    def predict(self, store: Store, indices: np.ndarray) -> torch.Tensor:
        return self.logits.repeat(len(indices), 1)


def test_a_split_is_read_by_its_own_indices() -> None:
    store = Store(np.zeros((5, 2), np.float32), Transforms(), "cpu")
    split = Split(store, np.array([1, 4]), np.array([0, 1]))
    assert evaluate(Constant(3.0, 1.0), split, 2).accuracy == 0.5  # type: ignore[arg-type]
    assert evaluate(Constant(3.0, 1.0), None, 2) == Metrics()  # type: ignore[arg-type]
    with pytest.raises(RunFailed, match="not finite"):
        evaluate(Constant(3.0, float("nan")), split, 2)  # type: ignore[arg-type]
