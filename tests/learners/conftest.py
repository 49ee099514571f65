"""Small stores, requests and learners. Labels follow the items, so that a wrong pairing of both shows."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.learners.learner import FitRequest, Learner
from altool.models.cnn import CNN
from altool.models.output import Output, TaskModel

N_ITEMS = 40


class SoftmaxRegression(TaskModel):
    """One linear layer: small enough to train by hand."""

    def __init__(self, input_shape: Sequence[int], n_classes: int):
        super().__init__()
        self.embedding_width = prod(input_shape)
        self.head = nn.Linear(self.embedding_width, n_classes)
        self.tap_channels = (self.embedding_width,)

    def forward(self, x: Tensor) -> Output:
        x = x.flatten(1)
        return Output(self.head(x), x, (x,))


def small_cnn(input_shape: Sequence[int], n_classes: int, dropout: float = 0.5) -> TaskModel:
    return CNN(input_shape, n_classes, channels=(4, 4), kernel=3, hidden=8, dropout=dropout)


@pytest.fixture
def points() -> Store:
    items = np.random.default_rng(0).normal(size=(N_ITEMS, 3)).astype(np.float32)
    return Store(items, Transforms(), "cpu")


@pytest.fixture
def images() -> Store:
    items = np.random.default_rng(0).integers(0, 256, (N_ITEMS, 8, 8, 2), dtype=np.uint8)
    return Store(items, Transforms((0.4, 0.6), (0.2, 0.3), crop_pad=1, flip=True), "cpu")


@pytest.fixture
def make_request() -> Callable[..., FitRequest]:
    """make_request(store, n=10) → a request whose item i has label i mod 3, labelled in no particular order."""

    def make(store: Store, n: int = 10, seed: int = 0, stage: int = 0) -> FitRequest:
        order = np.random.default_rng(1).permutation(N_ITEMS)
        rest = np.sort(order[n:])
        return FitRequest(store, order[:n], order[:n] % 3, rest, rest[:5], 3, Streams(seed, stage))

    return make


@pytest.fixture
def make_learner() -> Callable[..., Learner]:
    """make_learner("linear" | "cnn" | "cnn_without_dropout", epochs=…, …)."""
    models = {
        "linear": SoftmaxRegression,
        "cnn": small_cnn,
        "cnn_without_dropout": lambda shape, n_classes: small_cnn(shape, n_classes, dropout=0.0),
    }

    def make(model: str = "linear", **fields: Any) -> Learner:
        defaults = {"epochs": 2, "batch_size": 4, "optimiser": "sgd", "lr": 0.1, "eval_batch": 16}
        return Learner(name=model, make_model=models[model], recipe={}, **{**defaults, **fields})

    return make
