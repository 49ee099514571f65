"""BALD: mutual information by hand, and on a net so small that its posterior can be enumerated."""

import itertools
from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from scipy.stats import chisquare, entropy
from torch import Tensor, nn

from altool.core.errors import UserError
from altool.core.strategy import ExtensionRun
from altool.core.streams import Streams
from altool.data.store import Store, Transforms
from altool.learners.fitted import FittedModel
from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel
from altool.strategies._mc_dropout import MCDropout, mutual_information, predictive_entropy
from altool.strategies.bald import BALD

WIDTH, N, P, DRAWS = 4, 23, 0.3, 800


class FewUnits(TaskModel):
    """2 → 4 units with batch norm and dropout → 3 classes: 16 sub-networks."""

    embedding_width, tap_channels = WIDTH, (WIDTH,)

    def __init__(self, p: float = P):
        super().__init__()
        self.first, self.norm = nn.Linear(2, WIDTH), nn.BatchNorm1d(WIDTH)
        self.dropout, self.head = Dropout(p), nn.Linear(WIDTH, 3)
        generator = torch.Generator().manual_seed(5)
        for values in (*self.parameters(), self.norm.running_mean, self.norm.running_var):
            assert values is not None
            values.data = torch.randn(values.shape, generator=generator).abs_() * 2 - (values.ndim == 2) * 1.5

    def forward(self, x: Tensor) -> Output:
        hidden = self.norm(self.first(x)).relu()
        return Output(self.head(self.dropout(hidden)), hidden, (hidden,))

    def enumerated(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predictions of each sub-network (16, N, C), by hand, and its probability (16,)."""
        w = {name: values.double().numpy() for name, values in self.state_dict().items()}
        x = items.astype(float) @ w["first.weight"].T + w["first.bias"]
        x = (x - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
        hidden = np.maximum(x * w["norm.weight"] + w["norm.bias"], 0)
        keeps = np.array(list(itertools.product([0, 1], repeat=WIDTH)))
        logits = (hidden * keeps[:, None] / (1 - P)) @ w["head.weight"].T + w["head.bias"]
        probs = np.exp(logits - logits.max(2, keepdims=True))
        chance = np.prod(np.where(keeps, 1 - P, P), 1)
        return probs / probs.sum(2, keepdims=True), chance


ITEMS = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32) * 2


def by_weights(probs_S_N_C: np.ndarray, weights_S: np.ndarray) -> dict[str, np.ndarray]:
    mean = np.einsum("s,snc->nc", weights_S, probs_S_N_C)
    whole, each = np.asarray(entropy(mean, axis=1)), np.asarray(entropy(probs_S_N_C, axis=2))
    return {"entropy": whole, "bald": whole - weights_S @ each}


@pytest.fixture
def context(context_of):
    model = FittedModel(
        FewUnits(), ExtensionRun(), Store(ITEMS, Transforms(), "cpu"), Streams(3, 1), "fp32", 512
    )
    return context_of(torch.from_numpy(ITEMS), [0, 1], n_classes=3, probe=model.probe)


def with_chunk(context, chunk: int):
    fitted = context.probe.__self__
    again = FittedModel(fitted.model, ExtensionRun(), fitted._store, Streams(3, 1), "fp32", chunk)
    return replace(context, probe=again.probe)


def test_every_draw_is_one_sub_network_for_the_whole_pool(context) -> None:
    logits = context.probe(np.arange(N), ["mc_logits"], None, DRAWS)["mc_logits"]
    probs = logits.double().softmax(2).permute(1, 0, 2).numpy()
    known, chance = context.probe.__self__.model.enumerated(ITEMS)
    gaps = np.abs(probs[:, None] - known[None]).max((2, 3))  # (draws, sub-networks), the worst item
    which = gaps.argmin(1)
    assert gaps.min(1).max() < 1e-5
    counts = np.bincount(which, minlength=len(chance))
    assert chisquare(counts, chance * DRAWS).pvalue > 1e-3
    frequencies = by_weights(known, counts / DRAWS)
    for acquisition in ("bald", "entropy"):
        scores = BALD(acquisition, DRAWS, P).score(context, None)  # type: ignore[arg-type]
        np.testing.assert_allclose(scores, frequencies[acquisition][2:], atol=1e-5)
        exact = by_weights(known, chance)[acquisition][2:]
        assert exact.std() > 0.05
        np.testing.assert_allclose(scores, exact, atol=0.06)


def test_neither_chunk_nor_company_matters(context) -> None:
    """Also: batch norm stays in eval mode."""
    strategy = BALD(draws=20)
    whole = strategy.score(context, None)
    np.testing.assert_allclose(strategy.score(with_chunk(context, 3), None), whole, atol=1e-6)
    some = replace(context, candidates=context.candidates[::4])
    np.testing.assert_allclose(strategy.score(some, None), whole[::4], atol=1e-6)
    other = BALD(draws=21).score(context, None)
    assert (other - whole).abs().max() > 1e-4  # one more draw does matter


def test_only_scores_outlive_a_chunk(context) -> None:
    small, shapes = with_chunk(context, 5), []

    def probe(indices: np.ndarray, wants: list[str], reduce: Any, draws: int) -> dict[str, Tensor]:
        def spied(chunk: dict[str, Tensor]) -> dict[str, Tensor]:
            shapes.append(tuple(chunk["mc_logits"].shape))
            reduced = reduce(chunk)
            assert all(values.shape == (shapes[-1][0],) for values in reduced.values())
            return reduced

        return small.probe(indices, wants, spied, draws)

    BALD(draws=7).score(replace(context, probe=probe), None)
    assert shapes == [(5, 7, 3)] * 4 + [(1, 7, 3)]


def test_by_hand() -> None:
    table = [[[1, 0], [0, 1]], [[0.7, 0.3], [0.7, 0.3]], [[0.9, 0.1], [0.5, 0.5]]]
    log_probs = torch.tensor(table, dtype=torch.float64).clamp(min=1e-300).log()
    sure, unsure = float(entropy([0.9, 0.1])), float(entropy([0.7, 0.3]))
    expected = [log(2), 0, unsure - (sure + log(2)) / 2]
    np.testing.assert_allclose(mutual_information(log_probs), expected, atol=1e-12)
    np.testing.assert_allclose(predictive_entropy(log_probs), [log(2), unsure, unsure])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(2, 5), st.floats(0.1, 300), st.integers(0, 2**31))
def test_information_is_the_mean_divergence_from_the_mean(K: int, C: int, scale: float, seed: int) -> None:
    """Logits of any size: log-space keeps it finite."""
    logits = np.random.default_rng(seed).normal(size=(4, K, C)) * scale
    log_probs = torch.tensor(logits).log_softmax(2)
    probs = log_probs.exp().numpy()
    wanted = rel_entr(probs, probs.mean(1, keepdims=True)).sum(2).mean(1)
    got = mutual_information(log_probs).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-10)
    assert (got <= min(log(K), log(C)) + 1e-9).all() and (got >= -1e-9).all()


def test_dropout_goes_where_there_is_none() -> None:
    """B5; a learner's own dropout stays."""

    class Seen:
        model = nn.Sequential(Dropout(0.0), nn.Linear(1, 1), Dropout(0.5))

    extension = BALD(dropout=0.25).extension()
    assert isinstance(extension, MCDropout) and extension.recipe() == {"dropout": 0.25}
    extension.begin(Seen())  # type: ignore[arg-type]
    assert [Seen.model[0].p, Seen.model[2].p] == [0.25, 0.5]


@pytest.mark.parametrize("options", [{"draws": 0}, {"dropout": 0.0}, {"dropout": 1.0}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"strategy\.draws must be at least 1"):
        BALD(**options)
