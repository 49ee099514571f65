"""What every strategy must hold to. New strategies are picked up from their YAML files (see conftest.py)."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from altool.core.errors import RunFailed
from altool.core.strategy import WANTS
from altool.engine.query import DeclaredProbe, as_scores, run_query
from altool.strategies.sraal import SRAAL
from altool.strategies.vaal import VAAL

N = 10


def copies(scene) -> dict[str, Any]:
    """All that a query can see and must leave alone."""
    request = scene.request
    arrays = {
        name: getattr(request, name).copy() for name in ("labelled", "labels", "unlabelled", "candidates")
    }
    weights = {
        f"{net}.{name}": tensor.numpy().copy()
        for net, state in scene.fitted.state().items()
        for name, tensor in state.items()
    }
    items = request.store.images(np.arange(len(request.store))).numpy().copy()
    networks = {"task": scene.fitted.model, **scene.fitted.trained}
    modes = {
        f"{net}.{name} training": module.training
        for net, network in networks.items()
        for name, module in network.named_modules()
    }
    return {**arrays, **weights, **modes, "items": items}


def assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(value, after[name]), name


def test_the_wanted_number_of_unlabelled_candidates(scene) -> None:
    context = scene.context()
    state = scene.strategy.fit(context)
    scores = as_scores(scene.strategy.score(context, state), len(context.candidates))
    assert np.isfinite(scores).all() and scores.std() > 0
    for n in (1, N, len(context.candidates)):
        picks = scene.strategy.select(context, state, scores, n)
        chosen = picks.indices.tolist()
        assert len(chosen) == len(set(chosen)) == n
        assert set(chosen) <= set(context.candidates.tolist())
        assert not set(chosen) & set(context.labelled.tolist())
        assert picks.scores.shape == (n,) and np.isfinite(picks.scores).all()


def test_equal_fits_and_queries_are_bit_equal(scene) -> None:
    contexts = [scene.context(), scene.context(), scene.refit().context()]
    first, *again = (run_query(scene.strategy, context, N) for context in contexts)
    for query, context in zip(again, contexts[1:], strict=True):
        assert query.picks.indices.tolist() == first.picks.indices.tolist()
        assert query.picks.scores.tobytes() == first.picks.scores.tobytes()
        assert query.scores.tobytes() == first.scores.tobytes()
        assert_same(first.picks.carry or {}, query.picks.carry or {})
        assert context.diagnostics.numbers == contexts[0].diagnostics.numbers
        assert_same(contexts[0].diagnostics.arrays, context.diagnostics.arrays)


def test_model_and_pool_are_left_alone(scene) -> None:
    before = copies(scene)
    run_query(scene.strategy, scene.context(), N)
    assert_same(before, copies(scene))


def test_no_global_generator_advances(scene) -> None:
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    run_query(scene.strategy, scene.refit().context(), N)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert repr(np.random.get_state()) == repr(before[1])
    assert random.getstate() == before[2]


def test_it_probes_what_it_declares_and_nothing_else(scene) -> None:
    asked: set[str] = set()
    context = scene.context()

    def probe(indices: np.ndarray, wants: Any, *more: Any, **named: Any) -> Any:
        asked.update(wants)
        return context.probe(indices, wants, *more, **named)

    run_query(scene.strategy, replace(context, probe=probe), N)
    assert asked == scene.strategy.wants
    assert isinstance(context.probe, DeclaredProbe)
    for want in set(WANTS) - scene.strategy.wants:
        with pytest.raises(RunFailed, match=f"probes '{want}' without declaring it"):
            context.probe(context.candidates, [want], draws=1)
    assert (context.logits is not None) == scene.strategy.input_gradients


def test_scores_are_the_same_where_memory_is_short(scene) -> None:
    context, room = scene.context(), 11
    refused: list[int] = []

    def short(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def limited(items: Any) -> Any:
            if len(items) > room:
                refused.append(len(items))
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return look(items)

        return limited

    state = scene.strategy.fit(context)
    whole = as_scores(scene.strategy.score(context, state), len(context.candidates))
    fewer = replace(context, images=short(context.images), logits=context.logits and short(context.logits))
    scores = as_scores(scene.strategy.score(fewer, state), len(context.candidates))
    looks_at_images = scene.strategy.input_gradients or isinstance(scene.strategy, VAAL | SRAAL)
    assert bool(refused) == looks_at_images
    if (
        getattr(scene.strategy, "batch_norm", "eval") == "eval"
    ):  # otherwise it depends on the chunk, as released
        np.testing.assert_allclose(scores, whole, rtol=1e-4, atol=1e-4)


def test_a_pointwise_score_is_the_items_own(pointwise_scene) -> None:
    """Whatever else is scored beside it, and in whichever chunk."""
    context = pointwise_scene.context()
    query = run_query(pointwise_scene.strategy, context, N)
    n = len(context.candidates)
    for part in (np.arange(n // 2), np.arange(n // 2, n), np.arange(0, n, 7), np.array([n - 1])):
        fewer = replace(context, candidates=context.candidates[part])
        scores = run_query(pointwise_scene.strategy, fewer, 1).scores
        np.testing.assert_allclose(scores, query.scores[part], rtol=1e-5, atol=1e-5)
