"""The game's losses term by term (P1 Eqs. 4 to 6), and who moves in which step."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from altool.core.errors import RunFailed, UserError
from altool.core.streams import Streams
from altool.strategies._adversarial import Adversaries, Game, Half, check_finite, kl, view, view_shape

STREAMS = Streams(2, 1)
TA_VAAL = Game(
    width=32,
    latent=5,
    beta=0.7,
    kl_reduction="mean",
    adversary=1.3,
    lr=None,
    discriminator_layers=3,
    ranked=True,
)
VAAL = replace(TA_VAAL, kl_reduction="sum", ranked=False)
GAMES = pytest.mark.parametrize("game", [TA_VAAL, VAAL], ids=["ta_vaal", "vaal"])
SHAPES = pytest.mark.parametrize("shape", [(1, 8, 8), (3,)], ids=["images", "points"])


def adversaries(game: Game, shape: tuple[int, ...]) -> Adversaries:
    return Adversaries(game, shape, STREAMS, torch.device("cpu"), "fp32")


def halves(game: Game, shape: tuple[int, ...], seed: int = 0) -> tuple[Half, Half]:
    """Batches of unequal size, with different ranks for decoder and discriminator."""
    draw = torch.Generator().manual_seed(seed)

    def half(n: int) -> Half:
        images = torch.randn(n, *shape, generator=draw)
        ranks = [torch.rand(n, generator=draw), torch.randn(n, generator=draw)]
        return Half(images, *ranks) if game.ranked else Half(images)

    return half(6), half(9)


def column(rank: Tensor | None) -> list[Tensor]:
    return [] if rank is None else [rank[:, None]]


def by_hand(game: Game, vae: Any, discriminator: Any, both: tuple[Half, Half]) -> dict[str, Tensor]:
    """The terms as the papers print them, from the layers themselves."""
    noise = STREAMS.torch("strategy", "noise")
    terms = {name: torch.zeros(()) for name in ("reconstruction", "kl", "fool", "discriminator")}
    for half, labelled in zip(both, (True, False), strict=True):
        hidden = vae.encoder(half.images)
        mu, logvar = vae.fc_mu(hidden), vae.fc_logvar(hidden)
        spread = (logvar / 2).exp()
        z = mu + spread * torch.randn(mu.shape, generator=noise)
        rebuilt = vae.decoder(torch.cat([z, *column(half.decoder_rank)], 1))
        terms["reconstruction"] = terms["reconstruction"] + ((rebuilt - half.images) ** 2).mean()
        divergence = kl_divergence(Normal(mu, spread), Normal(torch.zeros(()), torch.ones(())))
        added = divergence.mean() if game.kl_reduction == "mean" else divergence.sum()
        terms["kl"] = terms["kl"] + added
        judged = torch.sigmoid(discriminator.net(torch.cat([mu, *column(half.discriminator_rank)], 1)))
        terms["fool"] = terms["fool"] - judged.log().mean()
        right = judged if labelled else 1 - judged
        terms["discriminator"] = terms["discriminator"] - right.log().mean()
    return terms


def parameters(net: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in net.parameters()]


def buffers(net: nn.Module) -> list[Tensor]:
    return [b.detach().clone() for b in net.buffers()]


def assert_close(a: list[Tensor], b: list[Tensor]) -> None:
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@GAMES
@SHAPES
def test_the_auto_encoders_terms(game: Game, shape: tuple[int, ...]) -> None:
    players, both = adversaries(game, shape), halves(game, shape)
    wanted = by_hand(game, copy.deepcopy(players.vae), players.discriminator, both)
    terms = players.terms(*both)
    assert terms.keys() == {"reconstruction", "kl", "fool"}
    for name, term in terms.items():
        torch.testing.assert_close(term, wanted[name], rtol=1e-5, atol=1e-6, msg=name)


@GAMES
@SHAPES
def test_a_step_of_the_auto_encoder(game: Game, shape: tuple[int, ...]) -> None:
    """Descends reconstruction + β·KL + λ·fool (T27b) by Adam, and moves nothing of the discriminator."""
    players, both = adversaries(game, shape), halves(game, shape)
    twin = copy.deepcopy(players.vae)
    terms = by_hand(game, twin, players.discriminator, both)
    loss = terms["reconstruction"] + 0.7 * terms["kl"] + 1.3 * terms["fool"]
    judge = parameters(players.discriminator)
    # points: P1 4.1; images: P1 4.2
    adam = torch.optim.Adam(twin.parameters(), lr=0.01 if len(shape) == 1 else 5e-4)
    adam.zero_grad()
    loss.backward()
    adam.step()
    before = parameters(players.vae)
    torch.testing.assert_close(players.step_vae(*both), loss.detach(), rtol=1e-5, atol=1e-6)
    assert_close(parameters(players.vae), parameters(twin))
    assert_close(buffers(players.vae), buffers(twin))
    assert all(not torch.equal(a, b) for a, b in zip(before, parameters(players.vae), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(judge, parameters(players.discriminator), strict=True))


@GAMES
@pytest.mark.parametrize("shape", [(1, 8, 8), (3,), (2, 16, 16)], ids=["small", "points", "larger"])
def test_halves_in_one_pass_are_halves_in_two(game: Game, shape: tuple[int, ...]) -> None:
    """Same networks and statistics after three iterations; in one pass the statistics are still each half's own."""
    one, two = adversaries(game, shape), adversaries(game, shape)
    assert one._together
    two._together = False
    for seed in range(3):
        both = halves(game, shape, seed)
        losses = [players.iterate(lambda both=both: both, 2, 1) for players in (one, two)]
        for name in losses[0]:
            torch.testing.assert_close(losses[0][name], losses[1][name], rtol=1e-4, atol=1e-5)
    for name, net in one.networks().items():
        torch.testing.assert_close(
            dict(net.state_dict()), dict(two.networks()[name].state_dict()), rtol=1e-3, atol=2e-4
        )


def test_large_images_take_two_passes_on_a_processor() -> None:
    assert not adversaries(replace(TA_VAAL, width=1), (1, 28, 28))._together


@GAMES
@SHAPES
def test_a_step_of_the_discriminator(game: Game, shape: tuple[int, ...]) -> None:
    """Encoder only, and yet as after a whole pass of the auto-encoder without gradients, as released."""
    players, both = adversaries(game, shape), halves(game, shape)
    players.step_vae(*both)  # leaves gradients in the discriminator, which must not count
    vae, judge = copy.deepcopy(players.vae), copy.deepcopy(players.discriminator)
    with torch.no_grad():
        means = []
        for half in both:
            mu, _ = vae.encode(half.images)
            vae.decode(mu, half.decoder_rank)
            means.append(mu)
    loss = torch.zeros(())
    for mu, half, target in zip(means, both, (1.0, 0.0), strict=True):
        probability = judge(mu, half.discriminator_rank).sigmoid()
        loss = loss + F.binary_cross_entropy(probability, torch.full_like(probability, target))
    adam = torch.optim.Adam(judge.parameters(), lr=0.01 if len(shape) == 1 else 5e-4)
    adam.zero_grad()
    loss.backward()
    adam.step()
    untouched, before = parameters(players.vae), parameters(players.discriminator)
    torch.testing.assert_close(players.step_discriminator(*both), loss.detach(), rtol=1e-5, atol=1e-6)
    assert_close(parameters(players.discriminator), parameters(judge))
    assert all(not torch.equal(a, b) for a, b in zip(before, parameters(players.discriminator), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(untouched, parameters(players.vae), strict=True))
    assert_close(buffers(players.vae.encoder), buffers(vae.encoder))


@GAMES
def test_the_discriminators_loss(game: Game) -> None:
    """P1 Eq. 6: −log D(labelled) − log(1 − D(unlabelled)), means over each half."""
    players, both = adversaries(game, (1, 8, 8)), halves(game, (1, 8, 8))
    wanted = by_hand(game, copy.deepcopy(players.vae), players.discriminator, both)["discriminator"]
    torch.testing.assert_close(players.step_discriminator(*both), wanted.detach(), rtol=1e-5, atol=1e-6)


def test_kl_by_hand() -> None:
    mu, logvar = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    wanted = 0.5 + (torch.e**2 - 3) / 2
    assert kl(mu, logvar, "sum").item() == pytest.approx(wanted, rel=1e-6)
    assert kl(mu, logvar, "mean").item() == pytest.approx(wanted / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("steps", "moves"),
    [
        ((1, 1), [("VAE", 0), ("discriminator", 0)]),
        ((2, 1), [("VAE", 0), ("VAE", 1), ("discriminator", 1)]),
        ((1, 2), [("VAE", 0), ("discriminator", 0), ("discriminator", 1)]),
        ((3, 2), [("VAE", 0), ("VAE", 1), ("VAE", 2), ("discriminator", 2), ("discriminator", 3)]),
    ],
)
def test_who_sees_which_batch(steps, moves, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new batch before every step but the discriminator's first (facts.md 1.3)."""
    players, drawn, seen = adversaries(VAAL, (3,)), [], []

    def draw() -> tuple[Half, Half]:
        drawn.append(halves(VAAL, (3,), len(drawn)))
        return drawn[-1]

    def spy(name: str):
        def step(*both: Half) -> Tensor:
            seen.append((name, next(n for n, made in enumerate(drawn) if made[0] is both[0])))
            return torch.tensor(float(len(seen)))

        return step

    monkeypatch.setattr(players, "step_vae", spy("VAE"))
    monkeypatch.setattr(players, "step_discriminator", spy("discriminator"))
    losses = players.iterate(draw, *steps)
    assert seen == moves and len(drawn) == moves[-1][1] + 1
    assert losses == {"VAE": float(steps[0]), "discriminator": float(sum(steps))}


def test_equal_streams_give_equal_networks() -> None:
    first, again, other = (
        Adversaries(TA_VAAL, (1, 8, 8), Streams(seed, 1), torch.device("cpu"), "fp32") for seed in (2, 2, 3)
    )
    for net, twin in zip(first.networks().values(), again.networks().values(), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(parameters(net), parameters(twin), strict=True))
    assert not torch.equal(first.vae.fc_mu.weight, other.vae.fc_mu.weight)


def test_a_gap_is_learnt() -> None:
    """Told apart from the start, the discriminator gets better at it while the auto-encoder stands still."""
    players = adversaries(VAAL, (3,))
    labelled, unlabelled = halves(VAAL, (3,))
    unlabelled = Half(unlabelled.images + 4)
    losses = [players.step_discriminator(labelled, unlabelled).item() for _ in range(150)]
    assert losses[-1] < 0.05 < losses[0]


def test_depth_and_latent_size() -> None:
    deep = adversaries(replace(TA_VAAL, discriminator_layers=5, latent=7), (1, 8, 8)).discriminator
    layers = [layer for layer in deep.net if isinstance(layer, nn.Linear)]
    assert len(layers) == 5 and layers[0].in_features == 8 and layers[-1].out_features == 1
    with pytest.raises(UserError, match="discriminator_layers=1: at least 2"):
        replace(TA_VAAL, discriminator_layers=1)


@pytest.mark.parametrize(
    ("shape", "latent"),
    [((3, 32, 32), 32), ((1, 28, 28), 28), ((1, 16, 16), 32), ((1, 8, 8), 16), ((2,), 2), ((1, 30, 40), 32)],
)
def test_what_fits_which_input(shape: tuple[int, ...], latent: int) -> None:
    """facts.md 1.1.1; sizes that no auto-encoder is built for are seen at 32 × 32 (T23)."""
    players = adversaries(replace(VAAL, latent=None, width=4), shape)
    assert players.vae.fc_mu.out_features == latent
    images = torch.rand(2, *shape)
    assert view(images).shape[1:] == view_shape(shape)
    assert players.vae.mean(view(images)).shape == (2, latent)
    fits = len(shape) == 1 or shape[1:] in ((8, 8), (16, 16), (28, 28), (32, 32))
    assert (view(images) is images) == fits
    if not fits:
        assert view_shape(shape) == (shape[0], 32, 32)
        assert view(torch.full((1, *shape), 3.0)).allclose(torch.tensor(3.0))


def test_a_loss_that_is_not_finite_is_named() -> None:
    check_finite({"VAE": torch.tensor(1.0)}, 4, 10)
    with pytest.raises(RunFailed, match="the discriminator loss is nan in iteration 5 of 10"):
        check_finite({"VAE": torch.tensor(1.0), "discriminator": torch.tensor(torch.nan)}, 4, 10)
