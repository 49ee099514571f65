"""Every strategy YAML on small tasks: a model really fitted with the strategy's extension, and contexts to query it."""

import dataclasses
import typing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from altool.config.build import build_strategy
from altool.config.files import options
from altool.core.budget import Budget
from altool.core.pool import Pool
from altool.core.strategy import Context, Diagnostics, Strategy
from altool.core.streams import Streams, stream
from altool.data.embedded import digits, moons
from altool.data.oracle import Oracle
from altool.data.spec import DatasetSpec
from altool.data.store import Store, Transforms
from altool.engine.query import make_context
from altool.learners.fitted import FittedModel
from altool.learners.learner import FitRequest, Learner
from altool.models.cnn import CNN
from altool.models.mlp import MLP

N_ITEMS, N_LABELLED, CHUNK = 260, 50, 48
STREAMS = Streams(7, 1)
TINY = {
    "size": "small",
    "epochs": 20,
    "draws": 7,
    "iteration_rule": "sizes",
    "replacement": False,
}  # of whatever options a strategy has by these names


@dataclass(frozen=True)
class Case:
    """A strategy as its YAML says, but for `changed`, on one task."""

    task: str
    node: dict[str, Any]
    changed: dict[str, Any]

    def __str__(self) -> str:
        return "-".join([self.node["name"], *(["contrary"] if self.changed else []), self.task])

    @property
    def strategy(self) -> Strategy:
        tiny = {key: value for key, value in TINY.items() if key in self.node}
        return build_strategy({**self.node, **tiny, **self.changed})


def _cases() -> list[Case]:
    """Every YAML on both tasks, and on digits with every switch thrown the other way."""
    cases = []
    for option in options("strategy").values():
        node = yaml.safe_load(option.path.read_text())
        if "defaults" in node or node["name"] == "replay":  # an alias; what needs a recorded run
            continue
        contrary = _contrary(type(build_strategy(node)))
        cases += [Case("digits", node, {}), Case("moons", node, {})]
        cases += [Case("digits", node, contrary)] if contrary else []
    return cases


def _contrary(strategy: type[Strategy]) -> dict[str, Any]:
    """Of each option with a fixed list of choices, the last that is not its default."""
    hints, contrary = typing.get_type_hints(strategy), {}
    for field in dataclasses.fields(strategy):  # type: ignore[arg-type]
        hint = hints[field.name]
        choices = (False, True) if hint is bool else typing.get_args(hint)
        if (hint is bool or typing.get_origin(hint) is typing.Literal) and field.name not in TINY:
            contrary[field.name] = next(choice for choice in choices[::-1] if choice != field.default)
    return contrary


@dataclass(frozen=True)
class Scene:
    """A strategy before its query. `secret`: the label of every dataset index, shuffled, so that it is told from every
    other array."""

    strategy: Strategy
    learner: Learner
    request: FitRequest
    fitted: FittedModel
    secret: np.ndarray

    def refit(self) -> "Scene":
        fitted = self.learner.fit(self.request, self.strategy.extension())
        return dataclasses.replace(self, fitted=fitted)

    def context(self) -> Context:
        """A fresh one."""
        return make_context(
            self.strategy, self.fitted, self.request, STREAMS, "fp32", CHUNK, Diagnostics(), _no_progress
        )


def _no_progress(done: int, of: int) -> None:
    assert 0 < done <= of


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = _cases()
        if "pointwise_scene" in metafunc.fixturenames:
            cases = [case for case in cases if case.strategy.pointwise]
        if "any_scene" in metafunc.fixturenames:
            cases = cases[:1]
        metafunc.parametrize("case", cases, ids=str, scope="session")


@pytest.fixture(scope="session")
def scene(case: Case) -> Scene:
    """Part of a pool from which some items are missing, so that positions and dataset indices differ."""
    store, learner, n_classes = (_digits if case.task == "digits" else _moons)()
    secret = stream(3, "test", "labels").permutation(np.arange(N_ITEMS) % n_classes)
    pool = Pool.of(np.delete(np.arange(N_ITEMS), np.arange(0, 40, 2)))
    pool = pool.acquire(stream(3, "test", "start").choice(pool.members, N_LABELLED, replace=False), 0)
    request = FitRequest(
        store=store,
        labelled=pool.labelled,
        labels=Oracle(secret).reveal(pool.labelled),
        unlabelled=pool.unlabelled,
        candidates=Budget(N_LABELLED, 10, 3).draw_candidates(pool.unlabelled, N_ITEMS, STREAMS),
        n_classes=n_classes,
        streams=STREAMS,
    )
    strategy = case.strategy
    return Scene(strategy, learner, request, learner.fit(request, strategy.extension()), secret)


@pytest.fixture
def pointwise_scene(scene: Scene) -> Scene:
    """Of the strategies only that declare `pointwise`."""
    return scene


@pytest.fixture
def any_scene(scene: Scene) -> Scene:
    """Of one strategy, for tests of the tests."""
    return scene


def _digits() -> tuple[Store, Learner, int]:
    images = digits(DatasetSpec("digits", "digits", test=0.2)).train_x[:N_ITEMS]
    store = Store(images, Transforms((0.3,), (0.4,), crop_pad=1), torch.device("cpu"))
    model = partial(CNN, channels=(4, 8), kernel=3, hidden=16, dropout=0.2)
    return store, Learner("tiny", model, {}, 3, 16, "sgd", 0.05, eval_batch=CHUNK), 10


def _moons() -> tuple[Store, Learner, int]:
    points = moons(DatasetSpec("moons", "moons", test=0.2, noise=0.1)).train_x[:N_ITEMS]
    store = Store(points, Transforms(), torch.device("cpu"))
    model = partial(MLP, hidden=(16, 16), dropout=0.2)
    return store, Learner("tiny", model, {}, 3, 16, "adam", 0.01, eval_batch=CHUNK), 2
