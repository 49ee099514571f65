"""The three probabilities of VaB-AL (P2 Eqs. 6, 8, 10, 11), by Monte Carlo over the posterior of a `ClassVAE`.

Zeroing one class's latent group is a rank-10 change of the first decoder layer's output, and with a squared error the last
layer need not be formed: ‖Wh + b − x‖² = hᵀ(WᵀW)h − 2hᵀWᵀ(x − b) + ‖x − b‖² (performance.md 4.4). Exact.
"""

from typing import Literal

import torch
from torch import Tensor

from altool.models.class_vae import ClassVAE
from altool.models.vae import Posterior

Absence = Literal["square", "absolute", "sigmoid"]
Scale = Literal["mean", "sum"]
ROWS = 2**16  # (draw, item, class) rows decoded at once


def absence(z: Tensor, vae: ClassVAE, kind: Absence) -> Tensor:
    """w_n of each class: Σ z², Σ |z| or Σ σ(z) over its latent dimensions, (…, C) (P2 Eq. 6, Table 2)."""
    groups = vae.groups(z)
    measure = {"square": groups.square, "absolute": groups.abs, "sigmoid": groups.sigmoid}[kind]
    return measure().sum(-1)


def sample(posterior: Posterior, draws: int, generator: torch.Generator) -> Tensor:
    """z ~ q(z|x), (draws, B, Z)."""
    mu, logvar = posterior
    noise = torch.randn((draws, *mu.shape), generator=generator, device=mu.device)
    return mu + noise * (0.5 * logvar).exp()


def losses_by_class(
    vae: ClassVAE, features_B_D: Tensor, draws: int, scale: Scale, generator: torch.Generator
) -> Tensor:
    """Minus the evidence lower bound of each item with each class's group zeroed, averaged over draws (V15), (B, C).

    mean: squared error and KL averaged over their elements; sum: half the squared error and KL summed (V2).
    """
    B, D = features_B_D.shape
    posterior = vae.encode(features_B_D)
    total = torch.zeros(B, vae.n_classes, device=features_B_D.device)
    done = 0
    while done < draws:
        batch = min(draws - done, max(1, ROWS // (B * vae.n_classes)))
        z_K_B_Z = sample(posterior, batch, generator)
        total += squared_errors(vae, z_K_B_Z, features_B_D).sum(0)
        done += batch
    mu, logvar = posterior
    each_B_Z = -0.5 * (1 + logvar - mu.square() - logvar.exp())
    if scale == "mean":
        return total / draws / D + each_B_Z.mean(1, keepdim=True)
    return 0.5 * total / draws + each_B_Z.sum(1, keepdim=True)


def squared_errors(vae: ClassVAE, z_K_B_Z: Tensor, features_B_D: Tensor) -> Tensor:
    """‖decode(z with group n zeroed) − x‖² for every n, (K, B, C)."""
    width = vae.first.out_features
    by_class = vae.groups(vae.first.weight)  # (width, C, per_class)
    removed = torch.einsum("kbcp,wcp->kbcw", vae.groups(z_K_B_Z), by_class)
    first = vae.first(z_K_B_Z)[:, :, None] - removed
    h = vae.hidden(first.reshape(-1, width)).view(first.shape)
    weight, shifted_B_D = vae.last.weight, features_B_D - vae.last.bias
    gram = weight.T @ weight
    quadratic = (h @ gram * h).sum(-1)
    cross = (h * (shifted_B_D @ weight)[None, :, None]).sum(-1)
    return quadratic - 2 * cross + shifted_B_D.square().sum(1)[None, :, None]


def label_frequencies(
    vae: ClassVAE,
    features_B_D: Tensor,
    labels_B: Tensor,
    draws: int,
    kind: Absence,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """How often, over items and draws, the VAE's label (Eq. 6) is n, and how often it is n and right, both (C,)."""
    posterior = vae.encode(features_B_D)
    said = torch.zeros(vae.n_classes, device=features_B_D.device)
    right = torch.zeros_like(said)
    for _ in range(draws):
        label_B = absence(sample(posterior, 1, generator)[0], vae, kind).argmin(1)
        said += torch.bincount(label_B, minlength=vae.n_classes)
        right += torch.bincount(label_B[label_B == labels_B], minlength=vae.n_classes)
    return said, right


def misclassification(losses_B_C: Tensor, difficulty_C: Tensor, prior_C: Tensor, normalise: bool) -> Tensor:
    """p(y ≠ ŷ|x) of each item, (B,): P2 Eq. 5 as printed (`normalise`), or its sum without the denominator (V1: with it
    and p(y|ŷ) = 1 the score is 0 for everything, which P2's own Table 1 rules out)."""
    if normalise:
        share_B_C = (prior_C.log() - losses_B_C).softmax(1)
        return 1 - (difficulty_C * share_B_C).sum(1)
    return 1 - (difficulty_C * prior_C * (-losses_B_C).exp()).sum(1)


def released_score(losses_B_C: Tensor, prior_C: Tensor) -> Tensor:
    """What the released code ranks by, (B,): one minus the prior-weighted loss, which prefers what is explained well, the
    opposite of P2 (facts.md 1.5.3)."""
    return 1 - (losses_B_C * prior_C).sum(1)
