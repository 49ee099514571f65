"""A question and an estimate against what can be computed by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.engine import asking
from altool.engine.asking import Asker, ask_by_k_center, cross_validate
from altool.learners.learner import FitRequest, Learner
from altool.models.output import Output, TaskModel
from altool.strategies.random import Random

POINTS = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)


def test_k_center_is_farthest_first_from_what_is_known() -> None:
    store = Store(POINTS, Transforms(), "cpu")
    centres, candidates = np.array([3, 7]), np.setdiff1d(np.arange(50), [3, 7, 20])
    question = ask_by_k_center(store, candidates, centres, 5, Streams(0, 1))
    known = [3, 7]
    for pick, score in zip(question.picks, question.scores, strict=True):
        distances = np.linalg.norm(POINTS[candidates][:, None] - POINTS[known][None], axis=2).min(1)
        assert pick == candidates[distances.argmax()]
        assert score == pytest.approx(distances.max(), rel=1e-5)
        known.append(int(pick))
    assert question.predicted is None and question.confidence is None


def test_k_center_of_a_large_pool_looks_at_a_random_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "K_CENTER_CANDIDATES", 10)
    store, none = Store(POINTS, Transforms(), "cpu"), np.empty(0, np.int64)
    picks = [ask_by_k_center(store, np.arange(50), none, 10, Streams(seed, 1)).picks for seed in (0, 0, 1)]
    assert picks[0].tolist() == picks[1].tolist()
    assert len(set(picks[0].tolist())) == 10 and set(picks[0]) != set(picks[2])


class Majority(TaskModel):
    """Learns how often each class occurs, and nothing else."""

    embedding_width, tap_channels = 2, (2,)

    def __init__(self, input_shape: Sequence[int], n_classes: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, x: Tensor) -> Output:
        return Output(self.bias.expand(len(x), -1), x, (x,))


def test_cross_validation_predicts_every_label_by_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave-one-out of a majority vote on 5 against 4: without one of the five it is a draw at best."""
    labels = np.array([0] * 6 + [1] * 4)
    trained_on: list[Any] = []
    real = Learner.fit

    def fit(self: Learner, request: FitRequest, *rest: Any, **keys: Any) -> Any:
        trained_on.append(request)
        return real(self, request, *rest, **keys)

    monkeypatch.setattr(Learner, "fit", fit)
    learner = Learner("majority", lambda s, n: Majority(s, n), {}, 60, 16, "sgd", 0.5)
    asker = Asker(learner, Random(), lambda strategy: None, "fp32")
    none = np.empty(0, np.int64)
    labelled = np.arange(20, 30)
    request = FitRequest(Store(POINTS, Transforms(), "cpu"), labelled, labels, none, none, 2, Streams(0, 1))
    found = cross_validate(asker, request, 5)
    held_out = [np.setdiff1d(labelled, known.labelled) for known in trained_on]
    assert sorted(np.concatenate(held_out).tolist()) == labelled.tolist()
    assert {len(fold) for fold in held_out} == {2}
    for known in trained_on:
        assert known.labels.tolist() == labels[known.labelled - 20].tolist()
    assert (found.accuracy, found.recall_per_class) == (0.6, (1.0, 0.0))  # the majority is 0 in every fold
