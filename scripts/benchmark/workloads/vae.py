"""One iteration of TA-VAAL's game on 128 labelled and 128 unlabelled images.

Reference: both batches decoded picture by picture, the frozen task model and Ranker asked for ranks in every iteration, the
two halves apart, the whole auto-encoder run again for the discriminator's step (performance.md 3, items 1, 2, 4 and 5).
"""

from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms

from altool.data.store import Store
from altool.models.discriminator import Discriminator
from altool.models.loss_net import LossNet
from altool.models.vae import VAE
from altool.strategies._adversarial import Adversaries
from altool.strategies.ta_vaal import TAVAAL
from altool.strategies.vaal import Ranks
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import (
    CIFAR,
    MEAN,
    STD,
    STREAMS,
    Pictures,
    context_of,
    labels_of,
    learner_of,
    random_images,
    released_network,
    request_of,
    untrained,
)

LATENT = 32


def workload(settings: Settings) -> Workload:
    batch, width = settings.size(128, 4), settings.size(128, 4)
    images = random_images(4 * batch)
    game = _ReleasedGame(images[: 2 * batch], images[2 * batch :], batch, width, settings.size(64, 4))

    def ours(precision: str) -> Part:
        strategy = TAVAAL(width=width, batch_size=batch)
        store = Store(images, CIFAR, "cpu")
        learner = learner_of(
            "learner=resnet18", "dataset=cifar10", f"learner.model.width={settings.size(64, 4)}"
        )
        request = request_of(store, 2 * batch, 10)
        context = context_of(strategy, untrained(learner, store, 10, precision), request, precision)
        ranks = Ranks(torch.linspace(-1, 1, 2 * batch), torch.linspace(1, -1, 2 * batch))
        adversaries = Adversaries(
            strategy.game, context.image_shape, context.streams, context.device, context.precision
        )
        draw = strategy._feeds(context, ranks)
        return Part(partial(adversaries.iterate, partial(draw, 1), 1, 1))

    return Workload(
        reference=[Part(game.iterate)],
        ours=[
            Ours(f"TA-VAAL VAE iteration, {precision}", must, aim, [ours(precision)], precision)
            for precision, must, aim in (("fp32", 1.3, 1.4), ("bf16", 2.4, 3.5))
        ],
        note="one iteration",
    )


class _ReleasedGame:
    """facts.md 1.1.1 to 1.1.4, as a plain loop."""

    def __init__(self, labelled, unlabelled, batch: int, width: int, net_width: int):  # type: ignore[no-untyped-def]
        transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
        self.batches = [
            _for_ever(DataLoader(Pictures(part, labels_of(len(part), 10), transform), batch))
            for part in (labelled, unlabelled)
        ]
        learner = learner_of("learner=resnet18", "dataset=cifar10", f"learner.model.width={net_width}")
        with STREAMS.init("reference"):
            model = learner.make_model((3, 32, 32), 10)
            self.net, self.ranker = released_network(model).eval(), LossNet(model.tap_channels).eval()
            self.vae = VAE((3, 32, 32), LATENT, width, ranked=True)
            self.discriminator = Discriminator(LATENT, True, [4 * width, 4 * width])
        self.optimisers = [
            torch.optim.Adam(part.parameters(), lr=5e-4, foreach=False)
            for part in (self.vae, self.discriminator)
        ]

    def iterate(self) -> None:
        labelled, unlabelled = (next(batches) for batches in self.batches)
        with torch.no_grad():
            ranks = [self.ranker(self.net(images).taps) for images in (labelled, unlabelled)]
        loss = torch.zeros(())
        for images, rank in zip((labelled, unlabelled), ranks, strict=True):
            rebuilt, mu, logvar = self._pass(images, rank)
            divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).mean()
            said = self.discriminator(mu, rank).sigmoid()
            fool = F.binary_cross_entropy(said, torch.ones(len(images)))
            loss = loss + F.mse_loss(rebuilt, images) + divergence + fool
        self._update(loss, 0)
        with torch.no_grad():
            means = [
                self._pass(images, rank)[1]
                for images, rank in zip((labelled, unlabelled), ranks, strict=True)
            ]
        said = [self.discriminator(mu, rank).sigmoid() for mu, rank in zip(means, ranks, strict=True)]
        ones, zeros = torch.ones(len(labelled)), torch.zeros(len(unlabelled))
        self._update(F.binary_cross_entropy(said[0], ones) + F.binary_cross_entropy(said[1], zeros), 1)

    def _pass(self, images: Tensor, rank: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mu, logvar = self.vae.encode(images)
        z = mu + torch.randn(mu.shape) * (0.5 * logvar).exp()
        return self.vae.decode(z, rank.sigmoid()), mu, logvar

    def _update(self, loss: Tensor, which: int) -> None:
        self.optimisers[which].zero_grad(set_to_none=False)
        loss.backward()
        self.optimisers[which].step()


def _for_ever(loader: DataLoader[tuple[Tensor, int]]) -> Iterator[Tensor]:
    while True:
        for images, _ in loader:
            yield images
