"""VaB-AL: its score enumerated where the auto-encoder is known, its training, and its warnings."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import norm
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies import vab_al
from altool.strategies.vab_al import FittedVAE, VaBAL

N_LABELLED = 12


def items(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def group_squares(x: np.ndarray, n_classes: int) -> np.ndarray:
    return (x.reshape(len(x), n_classes, -1) ** 2).sum(2)


def by_hand(vae: Any, taps_N: Tensor, taps_L: Tensor, labels: np.ndarray, s: VaBAL) -> np.ndarray:
    """P2 Eqs. 5, 6, 8, 10, 11 with an encoder that knows no doubt."""
    x, x_l = taps_N.double().numpy(), taps_L.double().numpy()
    C = vae.n_classes
    said = group_squares(x_l, C).argmin(1)
    difficulty = np.ones(C)
    for n in range(C if s.difficulty else 0):
        right, times = ((said == n) & (labels == n)).sum(), (said == n).sum()
        if s.unseen == "laplace":
            difficulty[n] = (right * s.draws + 1) / (times * s.draws + 2)
        else:
            difficulty[n] = right / times if times else (said == labels).mean()
    seen = said if s.prior_from == "labelled" else group_squares(x, C).argmin(1)
    prior = np.bincount(seen, minlength=C) / len(seen) if s.prior else np.full(C, 1 / C)
    losses = vae.expected_losses(x, s.likelihood)
    if s.normalise:  # relative to the best class, which Eq. 5's denominator takes out again
        losses -= losses.min(1, keepdims=True)
    likelihood = np.exp(-losses)
    total = (likelihood * prior).sum(1) if s.normalise else 1
    return 1 - (likelihood * prior * difficulty).sum(1) / total


OPTIONS: list[dict[str, Any]] = [
    {},
    {"prior": False},
    {"difficulty": False},
    {"prior": False, "difficulty": False},
    {"unseen": "laplace"},
    {"prior_from": "unlabelled"},
    {"normalise": True, "likelihood": "sum"},
    {"normalise": True, "likelihood": "sum", "difficulty": False},
]


@pytest.fixture
def scene(context_of, known_vae):
    """3 classes of 2 dimensions; class 2 is never the VAE's label of a labelled item, but of unlabelled ones."""
    taps_L, taps_N = items(N_LABELLED, 6, 1), items(25, 6, 2)
    taps_L[:, 4:] = 3
    labels = np.tile([0, 1, 2], 4)
    nothing = torch.zeros(N_LABELLED + 25, 1)
    context = context_of(nothing, list(range(N_LABELLED)), labels=labels, n_classes=3)
    return context, FittedVAE(known_vae(sigma=0.01), taps_N, taps_L)


@pytest.mark.parametrize("options", OPTIONS)
def test_score_is_the_enumerated_probability(scene, options: dict[str, Any]) -> None:
    context, fitted = scene
    strategy = VaBAL(draws=4, **options)
    scores = strategy.score(replace(context, chunk=7), fitted).double().numpy()
    wanted = by_hand(fitted.vae, fitted.taps_N, fitted.taps_L, context.labels, strategy)
    np.testing.assert_allclose(scores, wanted, atol=0.01 * max(np.ptp(wanted), 1e-3))
    assert (np.ptp(wanted) > 1e-3) == (options != OPTIONS[-1])  # Eq. 5 with p(y|ŷ) = 1: zero for all (V1)
    picks = strategy.select(context, fitted, scores, 5)
    assert set(picks.scores) == set(np.sort(scores)[-5:])


def test_prior_and_difficulty_are_recorded(scene) -> None:
    context, fitted = scene
    VaBAL(draws=2).score(context, fitted)
    said = group_squares(fitted.taps_L.numpy(), 3).argmin(1)
    counts = np.bincount(said, minlength=3)
    assert counts[2] == 0 and min(counts[:2]) > 1
    np.testing.assert_allclose(context.diagnostics.arrays["prior"], counts / N_LABELLED)
    right = said == context.labels
    wanted = [right[said == 0].mean(), right[said == 1].mean(), right.mean()]  # V4
    np.testing.assert_allclose(context.diagnostics.arrays["difficulty"], wanted, rtol=1e-6)


def test_score_is_the_probability_under_a_known_posterior(context_of, known_vae) -> None:
    """Two classes of one dimension: how often z₀² < z₁² is a closed form, and so is all of P2 Eq. 5's sum."""
    sigma = 0.5
    vae, taps_L, taps_N = known_vae(2, 1, sigma), items(30, 2, 3), items(20, 2, 4)
    labels = (taps_L[:, 0].abs() > taps_L[:, 1].abs()).long().numpy()
    labels[::3] = 1 - labels[::3]
    below = [
        norm.cdf(-(taps_L[:, 0] + side * taps_L[:, 1]).double().numpy() / sigma / 2**0.5) for side in (-1, 1)
    ]
    p = below[0] * (1 - below[1]) + (1 - below[0]) * below[1]
    p = np.stack([p, 1 - p], 1)
    difficulty = (p * np.eye(2)[labels]).sum(0) / p.sum(0)
    likelihood = np.exp(-vae.expected_losses(taps_N.double().numpy(), "mean"))
    wanted = 1 - (likelihood * p.mean(0) * difficulty).sum(1)
    context = context_of(torch.zeros(50, 1), list(range(30)), labels=labels)
    scores = VaBAL(draws=3000).score(context, FittedVAE(vae, taps_N, taps_L))
    np.testing.assert_allclose(scores, wanted, atol=0.06 * np.ptp(wanted))
    np.testing.assert_allclose(context.diagnostics.arrays["prior"], p.mean(0), atol=0.01)
    np.testing.assert_allclose(context.diagnostics.arrays["difficulty"], difficulty, atol=0.01)


def test_the_released_score_is_inverted(scene) -> None:
    context, fitted = scene
    scores = VaBAL(draws=2, score_rule="release2021").score(context, fitted)
    prior = context.diagnostics.arrays["prior"]
    losses = fitted.vae.expected_losses(fitted.taps_N.double().numpy(), "mean")
    np.testing.assert_allclose(scores, 1 - losses @ prior, rtol=1e-2)


@pytest.mark.parametrize("masked", [True, False])
def test_loss_by_hand(known_vae, masked: bool) -> None:
    """P2 Eqs. 7 and 9, with the classifier's class zeroed in training or not (V5)."""
    vae, weight = known_vae(), 0.7
    x, predicted = items(5, 6, 5), torch.tensor([0, 2, 1, 1, 0])
    noise = torch.Generator().manual_seed(0)
    loss = VaBAL(mask_in_training=masked)._loss(vae, x, predicted, weight, noise)
    values = x.double().numpy()
    log_share = log_softmax(-group_squares(values, 3), axis=1)[np.arange(5), predicted]
    kl = (values**2 + vae.sigma**2 - 1 - 2 * np.log(vae.sigma)).mean() / 2
    z = values * (np.repeat(np.eye(3)[predicted] == 0, 2, axis=1) if masked else 1)
    rebuilt = vae.decode(torch.tensor(z, dtype=torch.float32)).double().numpy()
    wanted = ((rebuilt - values) ** 2).mean() + kl - weight * log_share.mean()
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


def pool(context_of, n: int = 90, spread: float = 0.3):
    """Three clusters of taps, which the classifier tells apart; the first ten items are labelled."""
    cluster = torch.arange(n) % 3
    taps = torch.eye(3)[cluster].repeat_interleave(2, 1) * 2 + items(n, 6, 7) * spread
    probed = {"taps": taps, "logits": torch.eye(3)[cluster]}
    labels = cluster[:10].numpy()
    return context_of(
        torch.zeros(n, 1), list(range(10)), probed=probed, labels=labels, n_classes=3, tap_channels=(2, 4)
    ), probed


def same(a: FittedVAE, b: FittedVAE) -> bool:
    other = b.vae.state_dict()
    return all(torch.equal(values, other[name]) for name, values in a.vae.state_dict().items())


def test_trained_on_all_that_is_unlabelled_and_on_nothing_else(context_of) -> None:
    context, probed = pool(context_of)
    context = replace(context, candidates=context.unlabelled[::4])
    strategy = VaBAL(epochs=2, batch_size=32, width=8)
    fitted = strategy.fit(context)
    assert same(strategy.fit(context), fitted)
    assert torch.equal(fitted.taps_N, probed["taps"][context.candidates])
    assert torch.equal(fitted.taps_L, probed["taps"][:10])
    kept = probed["taps"][:10].clone()
    probed["taps"][:10] = torch.nan
    assert same(strategy.fit(context), fitted)
    probed["taps"][:10] = kept
    assert context.unlabelled[1] not in context.candidates
    probed["taps"][context.unlabelled[1]] += 5
    assert not same(strategy.fit(context), fitted)


def test_class_term_is_what_conditions_the_latent(context_of) -> None:
    """With λ = 1 and lr 1e-3 (the preset) the VAE's labels follow the classifier's; with λ = 0 they cannot."""
    agreement = []
    for options in ({"preset": "calibrated"}, {"class_weight": 0.0, "lr": 1e-3}):
        context, _ = pool(context_of)
        VaBAL(epochs=40, batch_size=16, width=16, **options).fit(context)  # type: ignore[arg-type]
        warned = [warning for warning in context.diagnostics.warnings if "agree" in warning]
        agreement.append((context.diagnostics.numbers["agreement"], len(warned)))
    assert agreement[0][0] > 0.9 and agreement[0][1] == 0
    assert agreement[1][0] < 0.8 and agreement[1][1] == 1


@pytest.mark.parametrize(
    ("options", "lr", "weight"),
    [
        ({}, 1e-4, 0.005),
        ({"preset": "calibrated"}, 1e-3, 1.0),
        ({"lr": 0.02, "class_weight": 3.0}, 0.02, 3.0),
    ],
)
def test_preset(options, lr: float, weight: float, context_of, monkeypatch: pytest.MonkeyPatch) -> None:
    """V7."""
    rates, weights, plain, adam = [], set(), VaBAL._loss, vab_al.Adam

    def spied_loss(self: VaBAL, *given: Any) -> Tensor:
        weights.add(given[3])
        return plain(self, *given)

    def spied_adam(values: Any, **settings: Any) -> Any:
        rates.append(settings["lr"])
        return adam(values, **settings)

    monkeypatch.setattr(VaBAL, "_loss", spied_loss)
    monkeypatch.setattr(vab_al, "Adam", spied_adam)
    VaBAL(epochs=1, width=4, **options).fit(pool(context_of)[0])
    assert (rates, weights) == ([lr], {weight})


@pytest.mark.parametrize(("wrong", "warned"), [(2, False), (3, True), (10, True)])
def test_agreement_below_0_8_is_warned_about(
    wrong: int, warned: bool, context_of, known_vae, monkeypatch
) -> None:
    taps = torch.tensor([[0.0, 1, 1]]).repeat(14, 1)  # the VAE says 0
    logits = torch.tensor([[1.0, 0, 0]]).repeat(14, 1)
    logits[4 : 4 + wrong] = torch.tensor([0.0, 0, 1])
    context = context_of(torch.zeros(14, 1), [0, 1, 2, 3], probed={"taps": taps, "logits": logits})
    monkeypatch.setattr(VaBAL, "_train", lambda *given: known_vae(3, 1))
    VaBAL().fit(context)
    assert context.diagnostics.numbers["agreement"] == pytest.approx(1 - wrong / 10)
    assert len(context.diagnostics.warnings) == warned
    if warned:
        assert f"for {1 - wrong / 10:.0%} of the pool" in context.diagnostics.warnings[0]


def test_iterations() -> None:
    assert VaBAL().iterations(500, 9000) == 20 * 71
    assert VaBAL(epochs=3, batch_size=10).iterations(5, 41) == 12  # a batch of one is dropped (V16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalise": True}, "likelihood=sum"),
        *(({k: 0}, f"{k}=0") for k in ("epochs", "draws", "lr", "width")),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        VaBAL(**options)


def test_scores_are_the_same_where_memory_is_short(context_of, monkeypatch: pytest.MonkeyPatch) -> None:
    context, _ = pool(context_of)
    strategy = VaBAL(epochs=2, batch_size=32, width=8, draws=3)
    fitted, room, refused = strategy.fit(context), 90, 0

    def losses(vae: Any, features_B_D: Tensor, *options: Any) -> Tensor:
        nonlocal refused
        if len(features_B_D) > room:
            refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return features_B_D[:, :3].square()

    monkeypatch.setattr(vab_al, "losses_by_class", losses)
    whole = strategy.score(context, fitted)
    room = 13
    assert torch.equal(strategy.score(context, fitted), whole)
    assert refused == 3  # 80, 40, 20
