"""VaB-AL (P2, Choi et al., CVPR 2021): the highest probability of being misclassified, by Bayes' rule.

A VAE on the frozen classifier's features, trained on the unlabelled pool, gives the likelihood of an item under each
predicted class; the labelled pool gives how often a class is predicted (prior) and how often rightly (difficulty).
The released score is inverted (facts.md 1.5.3); choices V1 to V16 are options here.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from altool.core.batches import batch_bounds
from altool.core.errors import UserError, require_positive
from altool.core.strategy import Context, Strategy
from altool.models.class_vae import ClassVAE, FeatureOrder
from altool.models.optimisers import Adam
from altool.strategies._adversarial import check_finite, kl, report_divergence
from altool.strategies._class_likelihood import (
    Absence,
    Scale,
    absence,
    label_frequencies,
    losses_by_class,
    misclassification,
    released_score,
    sample,
)

AGREEMENT_WARNING = 0.8  # V7
CALIBRATED = {"class_weight": 1.0, "lr": 1e-3}  # V7


class FittedVAE(NamedTuple):
    vae: ClassVAE
    taps_N: Tensor
    taps_L: Tensor


@dataclass(frozen=True)
class VaBAL(Strategy):
    """`preset` calibrated: class_weight 1 and lr 1e-3, with which the VAE's labels follow the classifier's (V7).
    `class_weight`: λ of Eq. 9; `absence`: w_n of Eq. 6 (Table 2); `prior`, `difficulty`: off is 1/C, 1 (Table 1);
    `normalise`: Eq. 5's denominator (V1), needs `likelihood` sum (V2); `prior_from` (V3); `unseen`: p(y|ŷ) of a
    class that is never predicted, the mean accuracy or Laplace (V4); `mask_in_training` (V5);
    `features` (V8); `lr_drop`: the share of the epochs after which lr falls to a tenth; `score_rule` release2021: the
    released, inverted score. Costs one pass over the pool, `epochs` passes of a small VAE, and draws × C decodings per
    candidate."""

    wants = frozenset({"taps", "logits"})

    preset: Literal["paper", "calibrated"] = "paper"
    class_weight: float = 0.005
    lr: float = 1e-4
    epochs: int = 20
    batch_size: int = 128
    draws: int = 100
    per_class: int = 10
    width: int = 128
    absence: Absence = "square"
    prior: bool = True
    difficulty: bool = True
    normalise: bool = False
    likelihood: Scale = "mean"
    prior_from: Literal["labelled", "unlabelled"] = "labelled"
    unseen: Literal["mean", "laplace"] = "mean"
    mask_in_training: bool = True
    features: FeatureOrder = "norm_linear_sigmoid"
    lr_drop: float | None = None
    score_rule: Literal["probability", "release2021"] = "probability"

    def __post_init__(self) -> None:
        if self.normalise != (self.likelihood == "sum") and self.score_rule == "probability":
            raise UserError(  # a summed likelihood without the denominator is exp(−hundreds): no order is left
                "strategy.normalise=true and strategy.likelihood=sum belong together (facts.md V2)."
            )
        require_positive(self, "strategy", "epochs", "batch_size", "draws", "per_class", "width", "lr")

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        return self.epochs * len(batch_bounds(n_candidates, self.batch_size))

    def fit(self, context: Context) -> FittedVAE:
        """Features once, then the VAE on the unlabelled pool with the classifier's predictions."""
        pool = context.probe(context.unlabelled, ["taps", "logits"])
        taps_U, predicted_U = pool["taps"], pool["logits"].argmax(1)
        labelled = context.probe(context.labelled, ["taps"])["taps"]
        vae = self._train(context, taps_U, predicted_U)
        where = torch.as_tensor(
            np.searchsorted(context.unlabelled, context.candidates), device=context.device
        )
        self._report_health(context, vae, taps_U, predicted_U)
        return FittedVAE(vae, taps_U[where], labelled)

    @torch.no_grad()
    def score(self, context: Context, fitted: FittedVAE) -> Tensor:
        vae, draw = fitted.vae, context.streams.torch("strategy", "draws", device=context.device)
        labels_L = torch.tensor(context.labels, device=context.device)
        said, right = label_frequencies(
            vae, vae.features(fitted.taps_L), labels_L, self.draws, self.absence, draw
        )
        difficulty_C = self._difficulty(said, right)
        if self.prior_from == "unlabelled":
            everyone = torch.zeros(len(fitted.taps_N), dtype=torch.int64, device=context.device)
            said, _ = label_frequencies(
                vae, vae.features(fitted.taps_N), everyone, self.draws, self.absence, draw
            )
        prior_C = said / said.sum() if self.prior else torch.full_like(said, 1 / len(said))
        context.diagnostics.array("prior", prior_C.cpu().numpy())
        context.diagnostics.array("difficulty", difficulty_C.cpu().numpy())
        scores: list[Tensor] = []
        for start in range(0, len(fitted.taps_N), context.chunk):
            features = vae.features(fitted.taps_N[start : start + context.chunk])
            losses = losses_by_class(vae, features, self.draws, self.likelihood, draw, context.precision)
            if self.score_rule == "release2021":
                scores.append(released_score(losses, prior_C))
            else:
                scores.append(misclassification(losses, difficulty_C, prior_C, self.normalise))
            context.progress(min(start + context.chunk, len(fitted.taps_N)), len(fitted.taps_N))
        return torch.cat(scores)

    def _difficulty(self, said_C: Tensor, right_C: Tensor) -> Tensor:
        """p(y = n | ŷ = n), Eq. 10, (C,)."""
        if not self.difficulty:
            return torch.ones_like(said_C)
        if self.unseen == "laplace":
            return (right_C + 1) / (said_C + 2)
        return torch.where(said_C > 0, right_C / said_C.clamp(min=1), right_C.sum() / said_C.sum())

    def _train(self, context: Context, taps_U: Tensor, predicted_U: Tensor) -> ClassVAE:
        channels = context.tap_channels
        with context.streams.init("class_vae"):
            vae = ClassVAE(channels, context.n_classes, self.per_class, self.width, self.features)
        vae.to(context.device).train()
        calibrated = self.preset == "calibrated"
        weight = CALIBRATED["class_weight"] if calibrated else self.class_weight
        lr = CALIBRATED["lr"] if calibrated else self.lr
        optimiser = Adam(vae.parameters(), lr=lr)
        order = context.streams.numpy("strategy", "order")
        noise = context.streams.torch("strategy", "noise", device=context.device)
        bounds = batch_bounds(len(taps_U), self.batch_size)
        for epoch in range(self.epochs):
            if self.lr_drop is not None and epoch == round(self.lr_drop * self.epochs):
                optimiser = Adam(vae.parameters(), lr=lr / 10)  # a new one, as released
            shuffled = torch.from_numpy(order.permutation(len(taps_U))).to(context.device)
            for n, (start, stop) in enumerate(bounds):
                chosen = shuffled[start:stop]
                loss = self._loss(vae, taps_U[chosen], predicted_U[chosen], weight, noise)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                if not n:
                    check_finite({"VAE": loss.detach()}, epoch, self.epochs)
                context.progress(epoch * len(bounds) + n + 1, self.epochs * len(bounds))
        return vae.eval().requires_grad_(False)

    def _loss(
        self, vae: ClassVAE, taps: Tensor, predicted_B: Tensor, weight: float, noise: torch.Generator
    ) -> Tensor:
        """P2 Eq. 9 on one batch, mean reductions as released; the reconstruction's target is held still (facts.md 1.5.2)."""
        features = vae.features(taps)
        posterior = vae.encode(features)
        z = sample(posterior, 1, noise)[0]
        rebuilt = vae.decode(vae.mask(z, predicted_B) if self.mask_in_training else z)
        mu, logvar = posterior
        divergence = kl(mu, logvar, "mean")
        by_class = F.cross_entropy(-absence(z, vae, self.absence), predicted_B)
        return F.mse_loss(rebuilt, features.detach()) + divergence + weight * by_class

    @torch.no_grad()
    def _report_health(self, context: Context, vae: ClassVAE, taps: Tensor, predicted: Tensor) -> None:
        """How often the VAE's label (Eq. 6, at the posterior mean) is the classifier's; how far it is from collapse."""
        mu, logvar = vae.encode(vae.features(taps))
        report_divergence(context, "candidates", kl(mu, logvar, "mean").item())
        agreement = (absence(mu, vae, self.absence).argmin(1) == predicted).float().mean().item()
        context.diagnostics.number("agreement", agreement)
        if agreement < AGREEMENT_WARNING:
            context.diagnostics.warn(
                f"the VAE's labels agree with the classifier's for {agreement:.0%} of the pool only: "
                "its likelihoods are hardly conditioned on the class; strategy.class_weight and strategy.lr decide it (V7)."
            )
