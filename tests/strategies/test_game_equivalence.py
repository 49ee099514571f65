"""TA-VAAL's game against the loop that the released code walks (facts.md 1.1.2 to 1.1.4): the frozen networks asked for
ranks in every iteration, and the whole auto-encoder run again for the discriminator's step."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.streams import Streams
from altool.models.discriminator import Discriminator
from altool.models.loss_net import LossNet
from altool.models.resnet import ResNet
from altool.models.vae import VAE
from altool.strategies.ta_vaal import TAVAAL
from altool.strategies.vaal import Ranks

N, N_LABELLED, BATCH, WIDTH, LATENT = 26, 9, 4, 2, 5
STREAMS = Streams(3, 1)


def endless(indices: np.ndarray) -> Iterator[Tensor]:
    while True:
        for start in range(0, len(indices), BATCH):
            part = torch.from_numpy(indices[start : start + BATCH])
            if len(part) > 1 or start == 0:  # a last batch of one has no batch statistics (V16)
                yield part


def literal(items: Tensor, rank_of, labelled: np.ndarray, candidates: np.ndarray, iterations: int):  # type: ignore[no-untyped-def]
    """NCHW, apart, torch's own optimisers, probabilities before their logarithms."""
    with STREAMS.init("vae"):
        vae = VAE((3, 32, 32), LATENT, WIDTH, ranked=True)
    with STREAMS.init("discriminator"):
        discriminator = Discriminator(LATENT, True, [4 * WIDTH, 4 * WIDTH])
    noise = STREAMS.torch("strategy", "noise")
    uniform = STREAMS.torch("strategy", "first_rank")
    optimisers = [torch.optim.Adam(net.parameters(), lr=5e-4) for net in (vae, discriminator)]
    order = STREAMS.numpy("strategy", "order").permutation(len(candidates))
    sides = [endless(labelled), endless(candidates[order])]

    def judged(mu: Tensor, rank: Tensor) -> Tensor:
        return discriminator(mu, rank).sigmoid()

    for iteration in range(iterations):
        batches = [items[next(side)] for side in sides]
        if iteration == 0:  # T6
            ranks = [torch.rand(len(batch), generator=uniform) for batch in batches]
        else:
            ranks = [rank_of(batch).sigmoid() for batch in batches]
        loss = torch.zeros(())
        for batch, rank in zip(batches, ranks, strict=True):
            mu, logvar = vae.encode(batch)
            z = mu + torch.randn(mu.shape, generator=noise) * (0.5 * logvar).exp()
            rebuilt = vae.decode(z, rank)
            kl = -0.5 * (1 + logvar - mu**2 - logvar.exp()).mean()
            loss = loss + F.mse_loss(rebuilt, batch) + kl - judged(mu, rank).log().mean()
        optimisers[0].zero_grad()
        loss.backward()
        optimisers[0].step()
        means = []
        with torch.no_grad():
            for batch, rank in zip(batches, ranks, strict=True):
                mu, logvar = vae.encode(batch)
                vae.decode(mu + torch.randn_like(mu) * (0.5 * logvar).exp(), rank)
                means.append(mu)
        told = [judged(mu, rank) for mu, rank in zip(means, ranks, strict=True)]
        optimisers[1].zero_grad()
        (-told[0].log().mean() - (1 - told[1]).log().mean()).backward()
        optimisers[1].step()
    return {"vae": vae, "discriminator": discriminator}


def test_cached_ranks_and_an_encoder_only_step_change_nothing(context_of) -> None:
    items = torch.randn(N, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with STREAMS.init("frozen"):
        net = ResNet((3, 32, 32), 10, width=2).eval().requires_grad_(False)
        ranker = LossNet(net.tap_channels, 8).requires_grad_(False)

    def rank_of(batch: Tensor) -> Tensor:
        return 300 * ranker(net(batch).taps) - 5

    strategy = TAVAAL(width=WIDTH, latent=LATENT, batch_size=BATCH, epochs=1, shuffle=False)
    context = context_of(items, list(range(N_LABELLED)), streams=STREAMS)
    cached = Ranks(rank_of(items[N_LABELLED:]), rank_of(items[:N_LABELLED]))
    iterations = strategy.iterations(N_LABELLED, N - N_LABELLED)
    ours = strategy._play(context, cached).networks()
    with torch.random.fork_rng():
        wanted = literal(items, rank_of, context.labelled, context.candidates, iterations)
    assert iterations == 6 and cached.candidates.std() > 0.1
    for name, network in wanted.items():
        assert_moved_alike(ours[name], network, fresh(name))


def fresh(name: str) -> nn.Module:
    with STREAMS.init(name):
        if name == "vae":
            return VAE((3, 32, 32), LATENT, WIDTH, ranked=True)
        return Discriminator(LATENT, True, [4 * WIDTH, 4 * WIDTH])


def assert_moved_alike(own: nn.Module, other: nn.Module, start: nn.Module) -> None:
    """The way from the start is the same to 1 % of its length: Adam divides rounding by rounding where a gradient is ≈ 0."""
    for (name, a), b, before in zip(
        own.named_parameters(), other.parameters(), start.parameters(), strict=True
    ):
        way = (b - before).norm()
        assert way > 0, name
        assert (a - b).norm() <= 0.01 * way, name
