"""What a strategy may ask and answer."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from altool.core.errors import RunFailed
from altool.engine.query import DeclaredProbe, as_scores, run_query
from altool.strategies.vaal import VAAL


class Model:
    """Stands in for a fitted model: notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def probe(self, indices, wants, reduce, draws):
        self.asked.append(tuple(wants))
        return {}


def test_only_what_was_declared_is_served() -> None:
    model = Model()
    probe = DeclaredProbe(model, frozenset({"logits", "taps"}))  # type: ignore[arg-type]
    probe(np.arange(3), ["taps"])
    with pytest.raises(RunFailed, match="'embedding' without declaring"):
        probe(np.arange(3), ["logits", "embedding"])
    assert model.asked == [("taps",)]


def test_scores_become_float64_of_the_right_number() -> None:
    assert as_scores(torch.ones(3, requires_grad=True), 3).dtype == np.float64
    assert list(as_scores(np.array([2, 1]), 2)) == [2.0, 1.0]
    for wrong in (np.ones(2), np.ones((3, 1)), torch.ones(4)):
        with pytest.raises(RunFailed, match="not one number for each of 3"):
            as_scores(wrong, 3)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(RunFailed, match="gave 1 of 3"):
            as_scores(np.array([0.0, bad, 1.0]), 3)


def test_a_query_that_does_not_fit_says_what_to_take() -> None:
    class Greedy(VAAL):
        def fit(self, context: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nmore of it")

    context = SimpleNamespace(device=torch.device("cpu"), candidates=np.arange(3))
    with pytest.raises(RunFailed) as failure:
        run_query(Greedy(), context, 1)  # type: ignore[arg-type]
    assert str(failure.value) == (
        "out of memory in the query of Greedy (CUDA out of memory. Tried to allocate 20 GiB): take a smaller "
        "strategy.batch_size, strategy.size, strategy.width, a smaller image size, or a device that is not shared."
    )
