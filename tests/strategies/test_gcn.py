"""The graph network against dense algebra in float64, and what UncertainGCN and CoreGCN buy with it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies._gcn import GCN, Adjacency, GCNOptions, train_gcn
from altool.strategies._gcn_share import drop
from altool.strategies.core_gcn import CoreGCN
from altool.strategies.coreset import CoreSet
from altool.strategies.uncertain_gcn import Graph, UncertainGCN

N, D, N_LABELLED = 30, 6, 8


def features(seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(N, D, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dense(features_N_D: Tensor) -> Tensor:
    """A = (FFᵀ − I) D⁻¹ + I, formed (facts.md 1.4, performance.md 4.4)."""
    unit = features_N_D / features_N_D.square().sum(1, keepdim=True).sqrt()
    similarity = unit @ unit.T - torch.eye(len(unit), dtype=unit.dtype)
    return similarity @ torch.diag(1 / similarity.sum(1)) + torch.eye(len(unit), dtype=unit.dtype)


@pytest.mark.parametrize("columns", [1, D, 40])
def test_propagation_is_the_dense_product(columns: int) -> None:
    x = features()
    values = torch.randn(N, columns, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(Adjacency.of(x).times(values), dense(x) @ values, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("weight", "tile", "threads"), [(1.2, 2048, 1), (0.5, 2048, 2), (1.2, 4, 2), (0.5, 9, 3)]
)
def test_training_is_that_of_the_dense_network(
    context_of, monkeypatch, threads_are, weight: float, tile: int, threads: int
) -> None:
    """The loss −mean log p over labelled nodes − λ mean log(1 − p) over the others, and two layers of A·X·W + b."""
    monkeypatch.setattr(
        "altool.strategies._gcn_share.TILE_ROWS", tile
    )  # one share; four of two tiles; two of two
    threads_are(threads)
    x = features(dtype=torch.float32)
    context = context_of(torch.zeros(N, 1), list(range(N_LABELLED)))
    options = GCNOptions(5, 0.0, 0.05, 1e-3, 12, weight)
    logits, hidden = train_gcn(context, options, x, N_LABELLED)
    probability = logits.sigmoid()

    with context.streams.init("gcn"):
        start = GCN(D, 5)
    w1, b1, w2, b2 = (p.detach().double().requires_grad_(True) for p in start.parameters())
    optimiser = torch.optim.Adam([w1, b1, w2, b2], lr=0.05, weight_decay=1e-3)
    A, X = dense(x.double()), torch.nn.functional.normalize(x.double(), dim=1)

    def forward() -> tuple[Tensor, Tensor]:
        h = (A @ (X @ w1.T) + b1).clamp(min=0)
        return 1 / (1 + (-(A @ (h @ w2.T) + b2)).exp()).squeeze(1), h

    for _ in range(12):
        p, _ = forward()
        loss = -p[-N_LABELLED:].log().mean() - weight * (1 - p[:-N_LABELLED]).log().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    p, h = forward()
    assert p.std() > 1e-3 and h.std() > 1e-2
    torch.testing.assert_close(probability.double(), p.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(hidden.double(), h.detach(), rtol=1e-3, atol=1e-4)


def test_bf16_rounds_the_hidden_units_and_the_order_stays(context_of) -> None:
    x = torch.rand(3000, 16, generator=torch.Generator().manual_seed(5))  # more than a tile
    x[:500, 0] += 1
    context = context_of(torch.zeros(len(x), 1), list(range(500)))
    options = GCNOptions(32, 0.3, 0.01, 5e-4, 60, 1.2)
    fp32, bf16 = (
        train_gcn(replace(context, precision=precision), options, x.flip(0), 500)[0]
        for precision in ("fp32", "bf16")
    )
    assert fp32.std() > 0.1 and not torch.equal(fp32, bf16)
    assert spearmanr(fp32, bf16).statistic > 0.995  # type: ignore[attr-defined]


def test_threads_do_not_change_what_is_dropped(context_of, threads_are) -> None:
    x = torch.rand(5000, 16, generator=torch.Generator().manual_seed(6))  # two shares
    context = context_of(torch.zeros(len(x), 1), list(range(500)))
    found = []
    for threads in (1, 2, 2, 3):
        threads_are(threads)
        found.append(train_gcn(context, GCNOptions(32, 0.5, 0.01, 5e-4, 15, 1.2), x, 500)[0])
    one, two, again, three = found
    assert one.std() > 0.01 and torch.equal(two, again)
    for other in (two, three):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1001, 101), (400, 256)])  # odd, and what vectors like
def test_units_are_dropped_with_the_given_probability(kind: torch.dtype, shape: tuple[int, int]) -> None:
    units = torch.linspace(0.5, 1.5, shape[0] * shape[1]).view(shape).to(kind)
    before, spare = units.clone(), torch.empty(-(-units.numel() // 4), dtype=torch.int64)
    drop(units, 0.3, torch.Generator().manual_seed(0), spare)
    kept = units != 0
    assert torch.equal(units[kept], before[kept])
    for part in (kept, *kept.flatten().chunk(2)):  # halves are decided by other bits
        deviation = (0.7 * 0.3 / part.numel()) ** 0.5
        assert abs(part.float().mean().item() - 0.7) < 4 * deviation
    n = kept.numel()
    for apart in (1, 2, 3, -(-n // 2)):  # four of a draw, and yet independent
        both = kept.flatten()[apart:] & kept.flatten()[:-apart]
        assert abs(both.float().mean().item() - 0.49) < 6 * (0.7 * 0.3 / len(both)) ** 0.5


def test_initial_weights_are_uniform_by_the_width_of_the_output() -> None:
    gcn = GCN(50, 64)
    for layer, bound in ((gcn.first, 1 / 8), (gcn.second, 1.0)):
        weights = layer.weight.detach().flatten()
        assert weights.abs().max() <= bound and weights.abs().max() > 0.9 * bound
        assert abs(weights.std().item() - bound / 3**0.5) < 0.15 * bound


def test_dropout_is_off_when_nodes_are_judged_and_a_stream_when_not(context_of) -> None:
    context = context_of(torch.zeros(N, 1), list(range(N_LABELLED)))
    options = GCNOptions(16, 0.5, 0.05, 0.0, 6, 1.2)
    x = features(dtype=torch.float32)
    x[1:4] = x[0]
    first, again = (train_gcn(context, options, x, N_LABELLED) for _ in range(2))
    without = train_gcn(context, replace(options, dropout=0.0), x, N_LABELLED)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], without[0])
    assert first[0].std() > 1e-3
    torch.testing.assert_close(first[0][:4], first[0][:1].expand(4))  # equal nodes, judged without masks


@pytest.fixture
def context(context_of):
    """Labelled items point another way than the rest."""
    embedding = features(3, torch.float32)
    embedding[:N_LABELLED, 0] += 4
    return context_of(torch.zeros(N, 1), list(range(N_LABELLED)), probed={"embedding": embedding})


def test_labelled_nodes_look_more_labelled(context) -> None:
    graph = UncertainGCN(epochs=100, dropout=0.0, lr=0.02).fit(context)
    assert graph.probability[-N_LABELLED:].mean() > graph.probability[:-N_LABELLED].mean() + 0.2
    numbers = context.diagnostics.numbers
    assert numbers["gcn_mean_labelled"] == pytest.approx(graph.probability[-N_LABELLED:].mean().item())
    assert numbers["gcn_mean_candidates"] == pytest.approx(graph.probability[:-N_LABELLED].mean().item())


def test_uncertain_gcn_buys_what_is_nearest_to_its_target(context_of) -> None:
    context = context_of(torch.zeros(8, 1), [2, 5])
    candidates, labelled = [0.9, 0.15, 0.02, 0.3, 0.11, 0.6], [0.1, 0.1]
    graph = Graph(torch.tensor(candidates + labelled).logit(), torch.zeros(8, 1))
    for target, wanted in ((0.1, [6, 1, 3, 4]), (0.5, [7, 4, 1, 6]), (1.0, [0, 7, 4, 1])):
        strategy = UncertainGCN(target=target)
        scores = strategy.score(context, graph).numpy()
        np.testing.assert_allclose(scores, [-abs(p - target) for p in candidates], rtol=1e-5)
        assert strategy.select(context, graph, scores, 4).indices.tolist() == wanted


def k_center(points: np.ndarray, centres: np.ndarray, n: int) -> list[int]:
    near, picks = cdist(points, centres).min(1), []
    for _ in range(n):
        picks.append(int(near.argmax()))
        near = np.minimum(near, cdist(points, points[picks[-1:]])[:, 0])
    return picks


def bought(strategy: Any, context, n: int) -> tuple[list[int], list[float]]:
    state = strategy.fit(context)
    picks = strategy.select(context, state, strategy.score(context, state).numpy(), n)
    return picks.indices.tolist(), picks.scores.tolist()


def test_core_gcn_is_k_center_on_the_hidden_features_and_the_logit(context) -> None:
    options = {"hidden": 7, "epochs": 30, "lr": 0.02}
    graph = UncertainGCN(**options).fit(context)  # type: ignore[arg-type]
    hidden = np.column_stack([graph.hidden.double().numpy(), graph.logits.double().numpy()])
    n = len(context.candidates)
    wanted = context.candidates[k_center(hidden[:n], hidden[n:], 6)].tolist()
    assert bought(CoreGCN(**options), context, 6)[0] == wanted  # type: ignore[arg-type]
    assert wanted != bought(CoreSet(), context, 6)[0]


def test_core_gcn_on_raw_features_is_k_center_on_unit_features(context) -> None:
    """As TA-VAAL's copy of the code."""
    strategy, n = CoreGCN(space="raw"), len(context.candidates)
    both = np.concatenate([context.candidates, context.labelled])
    x = context.probe(both, ["embedding"])["embedding"].double().numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert bought(strategy, context, 6)[0] == context.candidates[k_center(x[:n], x[n:], 6)].tolist()


def test_only_candidates_and_labelled_items_are_nodes(context) -> None:
    some = replace(context, candidates=context.candidates[::3])
    assert len(UncertainGCN(epochs=1).fit(some).probability) == len(some.candidates) + N_LABELLED
    assert UncertainGCN(epochs=7).iterations(10, 20) == 7


def test_dropout_is_a_probability_and_a_tiny_one_drops_nothing(context_of) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=r"strategy.dropout=1.0: must be in \[0, 1\)"):
        UncertainGCN(dropout=1.0)
    x = torch.rand(40, 8, generator=torch.Generator().manual_seed(7))
    context = context_of(torch.zeros(len(x), 1), list(range(10)))
    none, tiny = (
        train_gcn(context, GCNOptions(16, dropout, 0.01, 5e-4, 5, 1.2), x, 10)[0] for dropout in (0.0, 1e-7)
    )
    torch.testing.assert_close(tiny, none)
