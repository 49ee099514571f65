"""The adversarial game of VAAL (Sinha et al. 2019) and TA-VAAL (P1 Eqs. 4 to 6), whatever loop its batches come from.

The auto-encoder reconstructs labelled and unlabelled items and tries to pass both off as labelled; the discriminator tells
them apart by the posterior mean. TA-VAAL shows both networks the predicted rank r of the loss (`ranked`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.errors import RunFailed, UserError
from altool.core.strategy import Context
from altool.core.streams import Streams
from altool.models.discriminator import Discriminator
from altool.models.optimisers import Adam
from altool.models.vae import SIDES, VAE, apart

Size = Literal["paper", "small"]
FINITE_CHECK_EVERY = 50  # iterations: each check waits for the device
COLLAPSED_NATS = 0.01  # KL per latent dimension of the candidates below which a query is warned about
RESIZED_SIDE = 32  # images that no VAE is built for are resized to this, as VAAL's author did (T23)
LATENT = {
    8: 16,
    16: 32,
    28: 28,
    32: 32,
    64: 32,
}  # 28 and 32 as released (facts.md 1.1.1); 64: V14's images are no richer
WIDTH_DIVISOR = {8: 16, 16: 4}  # fewer pixels, narrower networks
POINT_LATENT, POINT_WIDTH, POINT_LR, IMAGE_LR = 2, 8, 0.01, 5e-4  # T26, P1 4.1; P1 4.2
LARGE_LR = 1e-4  # for images that are resized: Caltech-101 and Cityscapes (P1 4.3, 4.4)


@dataclass(frozen=True)
class Game:
    """Sizes and weights. `beta`: of the KL term; `kl_reduction`: mean over batch and latent dimensions (TA-VAAL's code) or
    sum (VAAL's), T7; `adversary`: of the adversarial term (λ); `lr` None: 5e-4 for images,
    1e-4 for such as are resized, 0.01 for points."""

    width: int
    latent: int | None
    beta: float
    kl_reduction: Literal["mean", "sum"]
    adversary: float
    lr: float | None
    discriminator_layers: int
    ranked: bool

    def __post_init__(self) -> None:
        if self.discriminator_layers < 2:
            raise UserError(f"strategy.discriminator_layers={self.discriminator_layers}: at least 2.")


@dataclass(frozen=True)
class Half:
    """One side of a batch: images as `view` gives them; ranks for the decoder and for the discriminator, or None."""

    images: Tensor
    decoder_rank: Tensor | None = None
    discriminator_rank: Tensor | None = None


def view(images: Tensor) -> Tensor:
    """What the VAE looks at: the images, resized where no VAE fits their size."""
    if images.ndim == 2 or (images.shape[2] == images.shape[3] and images.shape[2] in SIDES):
        return images
    return F.interpolate(images, (RESIZED_SIDE, RESIZED_SIDE), mode="bilinear", antialias=True)


def view_shape(image_shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(view(torch.zeros(1, *image_shape)).shape[1:])


def network_width(width: int, shape: tuple[int, ...]) -> int:
    """`width` cut to what items of `shape` are worth; the discriminator's hidden layers are four times as wide."""
    return POINT_WIDTH if len(shape) == 1 else max(1, width // WIDTH_DIVISOR.get(shape[1], 1))


def sized_width(size: Size, width: int) -> int:
    """`small` is a quarter of the width."""
    return width if size == "paper" else max(1, width // 4)


def pass_iterations(size: Size, epochs: float, n_items: int, batch_size: int) -> int:
    """Passes as iterations of one batch: floor(items · epochs / batch), T9; `small` makes a tenth of the passes."""
    passes = epochs if size == "paper" else epochs / 10
    return max(1, int(n_items * passes / batch_size))


class Adversaries:
    """VAE and discriminator with their optimisers, in training mode."""

    def __init__(
        self,
        game: Game,
        image_shape: tuple[int, ...],
        streams: Streams,
        device: torch.device,
        precision: str,
    ):
        shape = view_shape(image_shape)
        self.game, self.precision = game, precision
        points = len(shape) == 1
        side = 0 if points else shape[1]
        latent = game.latent or (POINT_LATENT if points else LATENT[side])
        width = network_width(game.width, shape)
        layers = game.discriminator_layers - points  # P1 4.1: two layers for points, T26
        hidden = [4 * width] * (layers - 1)
        with streams.init("vae"):
            self.vae = VAE(shape, latent, width, game.ranked)
        with streams.init("discriminator"):
            self.discriminator = Discriminator(latent, game.ranked, hidden)
        # one pass for both halves where launches take the time, not arithmetic: on a GPU, and for the smallest images
        self._together = device.type != "cpu" or side < 28
        self.noise = streams.torch("strategy", "noise", device=device)
        for net in self.networks().values():
            net.to(device).train()
        if not points:
            self.vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        usual = LARGE_LR if shape != tuple(image_shape) else IMAGE_LR
        lr = game.lr or (POINT_LR if points else usual)
        self._vae_optimiser = Adam(self.vae.parameters(), lr)
        self._discriminator_optimiser = Adam(self.discriminator.parameters(), lr)

    def networks(self) -> dict[str, nn.Module]:
        return {"vae": self.vae, "discriminator": self.discriminator}

    def iterate(
        self, draw: Callable[[], tuple[Half, Half]], vae_steps: int, discriminator_steps: int
    ) -> dict[str, Tensor]:
        """One iteration of the game: so many steps of each side, a new batch before every step but the
        discriminator's first, which sees the VAE's last (facts.md 1.3). Returns the last loss of each."""
        losses: dict[str, Tensor] = {}
        halves = draw()
        for n in range(vae_steps):
            halves = draw() if n else halves
            losses["VAE"] = self.step_vae(*halves)
        for n in range(discriminator_steps):
            halves = draw() if n else halves
            losses["discriminator"] = self.step_discriminator(*halves)
        return losses

    def step_vae(self, labelled: Half, unlabelled: Half) -> Tensor:
        """One update of the auto-encoder (P1 Eqs. 4 and 5, minimised, T27b); returns the detached loss."""
        terms = self.terms(labelled, unlabelled)
        loss = terms["reconstruction"] + self.game.beta * terms["kl"] + self.game.adversary * terms["fool"]
        return update(loss, self._vae_optimiser)

    def step_discriminator(self, labelled: Half, unlabelled: Half) -> Tensor:
        """One update of the discriminator (P1 Eq. 6); returns the detached loss."""
        halves, means = [labelled, unlabelled], list[Tensor]()
        for group in self._passes(halves):
            # the decoder would change nothing here (performance.md 3, item 2)
            with torch.no_grad(), self._as_alone(group):
                mu = self.vae.mean(_joined([half.images for half in group]))
            means += mu.float().split(_sizes(group))
        logits_l, logits_u = self._judge(means, halves)
        return update(_is(logits_l, 1.0) + _is(logits_u, 0.0), self._discriminator_optimiser)

    def terms(self, labelled: Half, unlabelled: Half) -> dict[str, Tensor]:
        """The auto-encoder's loss term by term, each summed over both halves: mean squared error over all
        elements, KL, and the cross-entropy of passing for labelled. The halves go through the VAE in one pass or
        two, each with its own batch statistics, as released (performance.md 4.1, rank 8)."""
        halves = [labelled, unlabelled]
        means, reconstruction, divergence = list[Tensor](), list[Tensor](), list[Tensor]()
        for group in self._passes(halves):
            sizes = _sizes(group)
            ranks = [half.decoder_rank for half in group if half.decoder_rank is not None]
            with self._as_alone(group):
                mu, logvar = self.vae.encode(_joined([half.images for half in group]))
                noise = _joined([self._noise(part) for part in mu.split(sizes)])
                z = mu + noise.to(mu.dtype) * (0.5 * logvar).exp()
                rebuilt = self.vae.decode(z, _joined(ranks) if ranks else None)
            parts = (tensor.float().split(sizes) for tensor in (mu, logvar, rebuilt))
            for half, mean, spread, picture in zip(group, *parts, strict=True):
                means.append(mean)
                reconstruction.append(F.mse_loss(picture, half.images))
                divergence.append(kl(mean, spread, self.game.kl_reduction))
        logits_l, logits_u = self._judge(means, halves)
        return {
            "reconstruction": reconstruction[0] + reconstruction[1],
            "kl": divergence[0] + divergence[1],
            "fool": _is(logits_l, 1.0) + _is(logits_u, 1.0),
        }

    def _judge(self, means: list[Tensor], halves: list[Half]) -> tuple[Tensor, Tensor]:
        """The discriminator's logits of both halves, in one pass: it has no batch statistics."""
        ranks = [half.discriminator_rank for half in halves if half.discriminator_rank is not None]
        logits = self.discriminator(torch.cat(means), torch.cat(ranks) if ranks else None)
        return logits[: len(means[0])], logits[len(means[0]) :]

    def _passes(self, halves: list[Half]) -> list[list[Half]]:
        return [halves] if self._together else [[half] for half in halves]

    @contextmanager
    def _as_alone(self, group: list[Half]) -> Iterator[None]:
        """Inside, the halves of a pass go through the VAE as if each came alone, in the run's precision."""
        device = group[0].images.device.type
        bf16 = torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16")
        with apart(self.vae, _sizes(group)), bf16:
            yield

    def _noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self.noise, device=like.device, dtype=torch.float32)


def _sizes(halves: Sequence[Half]) -> tuple[int, ...]:
    return tuple(len(half.images) for half in halves)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]


def kl(mu_B_Z: Tensor, logvar_B_Z: Tensor, reduction: Literal["mean", "sum"]) -> Tensor:
    """KL(q(z|x) ‖ N(0, I)), summed or averaged over batch and latent dimensions (D10)."""
    each_B_Z = -0.5 * (1 + logvar_B_Z - mu_B_Z.square() - logvar_B_Z.exp())
    return each_B_Z.mean() if reduction == "mean" else each_B_Z.sum()


def report_divergence(context: Context, side: str, nats: float) -> None:
    """Health of a VAE: mean KL per latent dimension over `side`, labelled or candidates."""
    context.diagnostics.number(f"kl_per_dimension_{side}", nats)
    if nats < COLLAPSED_NATS and side == "candidates":
        context.diagnostics.warn(
            "the VAE's posterior has collapsed to its prior: it says nothing of the image."
        )


def _is(logits_B: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits_B, torch.full_like(logits_B, target))


def update(loss: Tensor, optimiser: Adam) -> Tensor:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.detach()


def check_finite(losses: dict[str, Tensor], iteration: int, of: int) -> None:
    """Raises RunFailed when a loss is not finite."""
    for name, loss in losses.items():
        if not torch.isfinite(loss):
            raise RunFailed(f"the {name} loss is {loss.item()} in iteration {iteration + 1} of {of}")
