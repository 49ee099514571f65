"""SRAAL, state-relabelling adversarial active learning (Zhang et al., CVPR 2020), as facts.md 1.9 describes its code.

VAAL whose unlabelled items carry a state: how uncertain the task model is of them. The discriminator learns labelled → 0,
unlabelled → state, and the largest outputs are bought. The representation is supervised too: one half of the latent feeds
the decoder, the other a classifier of the labelled items. The authors' k-center start set is not built.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.batches import endless_batches
from altool.core.errors import require_positive
from altool.core.strategy import Context, Strategy
from altool.models.discriminator import Discriminator
from altool.models.optimisers import Adam
from altool.models.vae import VAE
from altool.strategies._adversarial import (
    FINITE_CHECK_EVERY,
    IMAGE_LR,
    POINT_LR,
    Size,
    check_finite,
    network_width,
    pass_iterations,
    sized_width,
    update,
    view,
    view_shape,
)

POINT_LATENT = 4
ROUNDING = 1e-24  # of a variance in float64: below it a prediction is uniform


def state(logits_N_C: Tensor) -> Tensor:
    """Uncertainty 1 − max p · v_min / Var p, (N,), 0 where all but the top class share the rest equally and its mass is 1;
    v_min is the least variance that a distribution with this maximum can have."""
    p = logits_N_C.double().softmax(1)
    C = p.shape[1]
    top = p.max(1).values
    rest = (1 - top) / (C - 1)
    least = ((top - 1 / C).square() + (C - 1) * (rest - 1 / C).square()) / C
    variance = p.var(1, correction=0)
    ratio = torch.where(variance > ROUNDING, least / variance.clamp(min=ROUNDING), 1.0)
    return (1 - top * ratio.clamp(max=1)).clamp(0, 1).float()


class Networks(NamedTuple):
    vae: VAE
    classifier: nn.Module
    discriminator: Discriminator


@dataclass(frozen=True)
class SRAAL(Strategy):
    """`size`, `epochs`, `width`, `batch_size`, `lr`: as VAAL's. `latent` None: 200, 4 for points, half for the decoder.
    `adversarial_target`: what the VAE makes items pass for, 0 labelled; the authors' code has 1, VAAL's number for it.
    `reconstruction`, `classification`: weights of the squared error and of the labelled items' cross-entropy."""

    wants = frozenset({"logits"})

    size: Size = "paper"
    epochs: float = 100
    width: int = 128
    latent: int | None = None
    batch_size: int = 128
    lr: float | None = None
    reconstruction: float = 5.0
    classification: float = 5.0
    vae_steps: int = 2
    discriminator_steps: int = 1
    adversarial_target: float = 0.0

    def __post_init__(self) -> None:
        require_positive(
            self, "strategy", "epochs", "width", "batch_size", "vae_steps", "discriminator_steps"
        )

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        return pass_iterations(self.size, self.epochs, n_labelled + n_candidates, self.batch_size)

    def fit(self, context: Context) -> Networks:
        state_N = state(context.probe(context.candidates, ["logits"])["logits"])
        context.diagnostics.array("state", state_N.cpu().numpy())
        nets = self._build(context)
        lr = self.lr or (POINT_LR if len(context.image_shape) == 1 else IMAGE_LR)
        makers = Adam([*nets.vae.parameters(), *nets.classifier.parameters()], lr=lr)
        judge = Adam(nets.discriminator.parameters(), lr=lr)
        rng = context.streams.numpy("strategy", "order")
        noise = context.streams.torch("strategy", "noise", device=context.device)
        labels = torch.tensor(context.labels, device=context.device)
        feeds = [
            endless_batches(np.arange(len(side)), self.batch_size, rng)
            for side in (context.labelled, context.candidates)
        ]
        total = self.iterations(len(context.labelled), len(context.candidates))
        for iteration in range(total):
            losses: dict[str, Tensor] = {}
            for n in range(self.vae_steps + self.discriminator_steps):
                at_l, at_u = next(feeds[0]), next(feeds[1])
                images_l = view(context.images(context.labelled[at_l]))
                images_u = view(context.images(context.candidates[at_u]))
                if n < self.vae_steps:
                    loss = self._vae_loss(nets, images_l, images_u, labels[at_l], noise)
                    losses["VAE"] = update(loss, makers)
                else:
                    loss = _judge_loss(nets, images_l, images_u, state_N[at_u])
                    losses["discriminator"] = update(loss, judge)
            if iteration % FINITE_CHECK_EVERY == 0 or iteration == total - 1:
                check_finite(losses, iteration, total)
            context.progress(iteration + 1, total)
        return nets

    @torch.no_grad()
    def score(self, context: Context, fitted: Networks) -> Tensor:
        """The discriminator's logit: the largest state is the most wanted."""
        for net in fitted:
            net.eval()

        def serve(part: slice) -> dict[str, Tensor]:
            images = view(context.images(context.candidates[part]))
            return {"score": fitted.discriminator(fitted.vae.mean(images))}

        return context.in_chunks(len(context.candidates), serve)["score"]

    def _build(self, context: Context) -> Networks:
        shape = view_shape(context.image_shape)
        latent = self.latent or (POINT_LATENT if len(shape) == 1 else 200)
        width = network_width(sized_width(self.size, self.width), shape)
        hidden = [4 * width] * 4  # five linear layers
        with context.streams.init("vae"):
            vae = VAE(shape, latent, width, code=latent // 2)
        with context.streams.init("classifier"):
            half = latent - latent // 2
            layers: list[nn.Module] = [nn.Linear(half, hidden[0]), nn.ReLU(), nn.Linear(hidden[0], hidden[0])]
            classifier = nn.Sequential(*layers, nn.ReLU(), nn.Linear(hidden[0], context.n_classes))
        with context.streams.init("discriminator"):
            discriminator = Discriminator(latent, hidden=hidden)
        nets = Networks(vae, classifier, discriminator)
        for net in nets:
            net.to(context.device).train()
        return nets

    def _vae_loss(self, nets: Networks, x_l: Tensor, x_u: Tensor, y_l: Tensor, noise: Any) -> Tensor:
        loss = torch.zeros((), device=x_l.device)
        for x, labels in ((x_l, y_l), (x_u, None)):
            mu, logvar = nets.vae.encode(x)
            z = mu + torch.randn(mu.shape, generator=noise, device=mu.device) * (0.5 * logvar).exp()
            code, rest = z.split([z.shape[1] // 2, z.shape[1] - z.shape[1] // 2], 1)
            kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(1).mean()
            logits = nets.discriminator(mu)
            fool = F.binary_cross_entropy_with_logits(
                logits, torch.full_like(logits, self.adversarial_target)
            )
            loss = loss + self.reconstruction * F.mse_loss(nets.vae.decode(code), x) + kl + fool
            if labels is not None:
                loss = loss + self.classification * F.cross_entropy(nets.classifier(rest), labels)
        return loss


def _judge_loss(nets: Networks, x_l: Tensor, x_u: Tensor, state_u: Tensor) -> Tensor:
    with torch.no_grad():
        means = nets.vae.mean(x_l), nets.vae.mean(x_u)
    logits_l, logits_u = nets.discriminator(torch.cat(means)).split([len(x_l), len(x_u)])
    labelled = F.binary_cross_entropy_with_logits(logits_l, torch.zeros_like(logits_l))
    return labelled + F.binary_cross_entropy_with_logits(logits_u, state_u)
