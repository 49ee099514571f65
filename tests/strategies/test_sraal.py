"""SRAAL: the uncertainty state by hand and against its own definition, and the targets of its game."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from torch import Tensor, nn

from altool.core.errors import UserError
from altool.core.streams import Streams
from altool.strategies import sraal
from altool.strategies.sraal import SRAAL, Networks, _judge_loss, state


def of(*probs: float) -> float:
    return state(torch.tensor([probs], dtype=torch.float64).log()).item()


def test_three_classes_by_hand() -> None:
    """(0.6, 0.3, 0.1): variance 0.38/9; least at that top, of (0.6, 0.2, 0.2): 0.32/9."""
    assert of(0.6, 0.3, 0.1) == pytest.approx(1 - 0.6 * 0.32 / 0.38, rel=1e-6)
    assert of(0.5, 0.5, 0.0) == pytest.approx(1 - 0.5 * (1 / 72) / (1 / 18), rel=1e-6)
    assert of(0.6, 0.2, 0.2) == pytest.approx(0.4, rel=1e-6)


@pytest.mark.parametrize("C", [2, 3, 6, 7, 10, 100])
def test_sure_and_clueless(C: int) -> None:
    assert of(*[1.0] + [0.0] * (C - 1)) == pytest.approx(0, abs=1e-12)
    for logit in (0.0, 0.3, -7.0):  # the variance is that of rounding
        assert state(torch.full((1, C), logit)).item() == pytest.approx(1 - 1 / C)
    assert of(*np.array([1 / C + 1e-4] + [(1 - 1 / C - 1e-4) / (C - 1)] * (C - 1))) == pytest.approx(
        1 - 1 / C, abs=2e-4
    )


def test_two_classes_are_one_minus_the_top() -> None:
    for p in (0.5, 0.6, 0.9, 0.999):
        assert of(p, 1 - p) == pytest.approx(1 - p, abs=1e-6)


def test_less_certain_is_more_uncertain() -> None:
    """A lower top with the rest even; and, with the same top, a rest that gathers in one rival."""
    tops = [of(top, *[(1 - top) / 3] * 3) for top in (0.3, 0.5, 0.7, 0.9, 0.99)]
    assert all(a > b for a, b in pairwise(tops))
    rivals = [of(0.5, 0.25 + x, 0.25 - x) for x in (0.0, 0.05, 0.1, 0.2, 0.25)]
    assert all(a < b for a, b in pairwise(rivals))


def least_variance(top: float, C: int) -> float:
    """Of a distribution over C classes whose maximum is `top`, by search."""

    def variance(rest: np.ndarray) -> float:
        return float(np.var([top, *rest]))

    found = minimize(
        variance,
        np.random.default_rng(0).dirichlet(np.ones(C - 1)) * (1 - top),
        bounds=[(0, top)] * (C - 1),
        constraints={"type": "eq", "fun": lambda rest: rest.sum() - (1 - top)},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    return found.fun


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 6), st.floats(0.2, 4), st.integers(0, 2**31))
def test_state_is_its_definition(C: int, scale: float, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=C) * scale
    p = np.exp(logits) / np.exp(logits).sum()
    wanted = 1 - p.max() * least_variance(p.max(), C) / np.var(p)
    got = state(torch.tensor(logits)[None]).item()
    assert got == pytest.approx(wanted, abs=2e-3) and 0 <= got <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.floats(0, 1000), st.integers(0, 2**31))
def test_state_is_a_target_between_0_and_1(C: int, scale: float, seed: int) -> None:
    u = state(torch.tensor(np.random.default_rng(seed).normal(size=(20, C)) * scale, dtype=torch.float32))
    assert u.dtype == torch.float32 and ((u >= 0) & (u <= 1)).all()


class Mirror(nn.Module):
    """Latent means are the items; nothing is unsure; it rebuilds its code one too high, doubled."""

    def mean(self, x: Tensor) -> Tensor:
        return x

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, torch.full_like(x, -60.0)

    def decode(self, code: Tensor) -> Tensor:
        self.code = code
        return torch.cat([code, code], 1) + 1


class Sum(nn.Module):
    def forward(self, mu: Tensor) -> Tensor:
        return mu.sum(1)


def items(n: int, seed: int) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed))


def mirrors() -> Networks:
    classifier = nn.Linear(2, 3)
    nn.init.eye_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return Networks(Mirror(), classifier, Sum())  # type: ignore[arg-type]


def test_discriminator_learns_labelled_0_and_unlabelled_its_state() -> None:
    """Each side counts the same, whatever the sizes of the batches."""
    x_l, x_u, target = items(3, 0), items(5, 1), torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0])
    d_l, d_u = (x.sum(1).double().sigmoid().numpy() for x in (x_l, x_u))
    t = target.double().numpy()
    wanted = -np.log(1 - d_l).mean() - (t * np.log(d_u) + (1 - t) * np.log(1 - d_u)).mean()
    assert _judge_loss(mirrors(), x_l, x_u, target).item() == pytest.approx(wanted, rel=1e-5)


def vae_loss(labels: Tensor, **weights: float) -> float:
    noise = torch.Generator().manual_seed(0)
    return SRAAL(**weights)._vae_loss(mirrors(), items(3, 0), items(5, 1), labels, noise).item()  # type: ignore[arg-type]


def test_auto_encoder_loss_by_hand() -> None:
    """5·MSE + KL, summed over latent dimensions and averaged over items, + both sides as labelled + 5·CE of the labelled
    items' second half (facts.md 1.9)."""
    labels, wanted = torch.tensor([0, 1, 1]), 0.0
    for x in (items(3, 0).double(), items(5, 1).double()):
        rebuilt = torch.cat([x[:, :2], x[:, :2]], 1) + 1
        kl = (0.5 * (x.square() + np.exp(-60.0) - 1 + 60)).sum(1).mean()
        fool = F.softplus(x.sum(1)).mean()
        wanted += (5 * (rebuilt - x).square().mean() + kl + fool).item()
    rest = F.pad(items(3, 0)[:, 2:], (0, 1))  # the classifier copies its input
    entropy = -rest.log_softmax(1)[range(3), labels].mean().item()
    assert vae_loss(labels) == pytest.approx(wanted + 5 * entropy, rel=1e-5)
    assert vae_loss(labels, classification=2.0) == pytest.approx(wanted + 2 * entropy, rel=1e-5)


def test_labels_teach_the_classifier_and_nothing_else() -> None:
    labels = [torch.tensor(each) for each in ([0, 1, 1], [2, 0, 1])]
    assert vae_loss(labels[0]) != pytest.approx(vae_loss(labels[1]), rel=1e-4)
    silent = [vae_loss(each, classification=0.0) for each in labels]
    assert silent[0] == silent[1]


@pytest.fixture
def context(context_of):
    points = torch.randn(40, 2, generator=torch.Generator().manual_seed(2))
    logits = torch.randn(40, 3, generator=torch.Generator().manual_seed(3)) * 2
    return context_of(
        points, [3, 9, 20, 31], probed={"logits": logits}, labels=np.array([0, 2, 1, 1]), n_classes=3
    )


def small(**options: Any) -> SRAAL:
    return SRAAL(**{"epochs": 3, "batch_size": 16, **options})


def weights_of(nets: Networks) -> list[Tensor]:
    return [*nets.vae.state_dict().values(), *nets.discriminator.state_dict().values()]


def test_with_no_weight_on_them_labels_do_not_matter(context) -> None:
    other = replace(context, labels=np.array([2, 2, 0, 0]))
    for weight, equal in ((0.0, True), (5.0, False)):
        one, two = (weights_of(small(classification=weight).fit(each)) for each in (context, other))
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True)) == equal


def test_each_item_meets_its_own_state(context, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Tensor, Tensor, Tensor]] = []
    plain = sraal._judge_loss

    def spied(nets: Networks, x_l: Tensor, x_u: Tensor, state_u: Tensor) -> Tensor:
        seen.append((x_l, x_u, state_u))
        return plain(nets, x_l, x_u, state_u)

    monkeypatch.setattr(sraal, "_judge_loss", spied)
    strategy = small(epochs=30)
    strategy.fit(context)
    logits = context.probe(context.candidates, ["logits"])["logits"]
    points, wanted = context.images(context.candidates), state(logits)
    np.testing.assert_array_equal(context.diagnostics.arrays["state"], wanted)
    state_of = {tuple(point.tolist()): u for point, u in zip(points, wanted.tolist(), strict=True)}
    known = {tuple(point.tolist()) for point in context.images(context.labelled)}
    assert len(seen) == strategy.iterations(4, 36) == 75
    met = set()
    for x_l, x_u, state_u in seen:
        assert {tuple(point) for point in x_l.tolist()} <= known
        assert [state_of[tuple(point)] for point in x_u.tolist()] == state_u.tolist()
        met |= {tuple(point) for point in x_u.tolist()}
    assert met == set(state_of)


def test_the_largest_outputs_are_bought(context) -> None:
    small_chunk = replace(context, chunk=7)
    wide = Networks(Mirror(), nn.Identity(), Sum())  # type: ignore[arg-type]
    strategy = small()
    scores = strategy.score(small_chunk, wide).numpy()
    sums = context.images(context.candidates).sum(1).numpy()
    np.testing.assert_allclose(scores, sums, rtol=1e-6)
    picks = strategy.select(context, wide, scores, 5)
    assert picks.indices.tolist() == context.candidates[np.argsort(-sums)[:5]].tolist()


def test_networks_are_as_described() -> None:
    """200 latent dimensions, halved; five linear layers in the discriminator, three in the classifier."""

    class Seen:
        image_shape, n_classes, device = (1, 8, 8), 10, torch.device("cpu")
        streams = Streams(0, 0)

    nets = SRAAL()._build(Seen())  # type: ignore[arg-type]
    linears = [[m for m in net.modules() if isinstance(m, nn.Linear)] for net in nets]
    assert (nets.vae.fc_mu.out_features, linears[1][0].in_features) == (200, 100)
    assert (linears[2][0].in_features, len(linears[2]), len(linears[1])) == (200, 5, 3)
    assert linears[1][-1].out_features == 10
    assert nets.vae.decode(torch.zeros(2, 100)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("key", ["epochs", "width", "batch_size", "vae_steps", "discriminator_steps"])
def test_bad_options(key: str) -> None:
    with pytest.raises(UserError, match=rf"strategy\.{key}=0: must be positive"):
        SRAAL(**{key: 0})  # type: ignore[arg-type]
