"""The three probabilities of VaB-AL (P2 Eqs. 6, 8, 10, 11), by Monte Carlo over the posterior of a `ClassVAE`.

Zeroing one class's latent group is a rank-10 change of the first decoder layer's output, and with a squared error the last
layer need not be formed: with W = QR, ‖Wh + b − x‖² = ‖Rh − Qᵀ(x − b)‖² + ‖x − b‖² − ‖Qᵀ(x − b)‖² (after performance.md 4.4,
whose Gram matrix would cancel digits). Exact. Few rows at a time stay in the processor's cache.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from altool.models.class_vae import ClassVAE
from altool.models.vae import Posterior

Absence = Literal["square", "absolute", "sigmoid"]
Scale = Literal["mean", "sum"]
ROWS = 2**18  # (draw, item, class) rows sampled at once
CACHED_ROWS = 2**11  # decoded at once: 1 MiB of 128 hidden units


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
    vae: ClassVAE,
    features_B_D: Tensor,
    draws: int,
    scale: Scale,
    generator: torch.Generator,
    precision: str = "fp32",
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
        total += squared_errors(vae, z_K_B_Z, features_B_D, precision).sum(0)
        done += batch
    mu, logvar = posterior
    each_B_Z = -0.5 * (1 + logvar - mu.square() - logvar.exp())
    if scale == "mean":
        return total / draws / D + each_B_Z.mean(1, keepdim=True)
    return 0.5 * total / draws + each_B_Z.sum(1, keepdim=True)


@dataclass(frozen=True)
class _Layers:
    """The decoder in eval mode with every batch norm folded into the linear layer after it, whose weight is (in, out).

    `z_C_P_W`, `z_W`: first layer by class, and its bias; `hidden`: weight and bias of each, None for a ReLU; the squared
    error is ‖h · `last_W_R` − (x − `shift_D`) · `code_D_R`‖² and what of x the last layer does not reach.
    """

    z_C_P_W: Tensor
    z_W: Tensor
    hidden: list[tuple[Tensor, Tensor] | None]
    last_W_R: Tensor
    code_D_R: Tensor
    shift_D: Tensor

    @staticmethod
    def of(vae: ClassVAE, precision: str) -> "_Layers":
        kind = torch.bfloat16 if precision == "bf16" else vae.first.weight.dtype
        scale, shift = torch.ones_like(vae.first.bias), torch.zeros_like(vae.first.bias)  # not yet folded
        hidden: list[tuple[Tensor, Tensor] | None] = []
        for module in vae.hidden.modules():
            if isinstance(module, nn.ReLU):
                hidden.append(None)
            elif isinstance(module, nn.BatchNorm1d):
                assert module.running_var is not None and module.running_mean is not None
                scale = module.weight * (module.running_var + module.eps).rsqrt()
                shift = module.bias - module.running_mean * scale
            elif isinstance(module, nn.Linear):
                weight, bias = (module.weight * scale).T, module.bias + module.weight @ shift
                hidden.append((weight.to(kind), bias.to(kind)))
                scale, shift = torch.ones_like(bias), torch.zeros_like(bias)
        code, upper = torch.linalg.qr(vae.last.weight * scale)
        return _Layers(
            vae.groups(vae.first.weight).permute(1, 2, 0).contiguous(),
            vae.first.bias,
            hidden,
            upper.T.contiguous(),
            code,
            vae.last.bias + vae.last.weight @ shift,
        )


def squared_errors(vae: ClassVAE, z_K_B_Z: Tensor, features_B_D: Tensor, precision: str = "fp32") -> Tensor:
    """‖decode(z with group n zeroed) − x‖² for every n, (K, B, C); in bf16 the hidden layers alone are so."""
    layers = _Layers.of(vae, precision)
    shifted_B_D = features_B_D - layers.shift_D
    code_B_R = shifted_B_D @ layers.code_D_R
    beside_B = shifted_B_D.square().sum(1) - code_B_R.square().sum(1)
    draws, items = z_K_B_Z.shape[:2]
    z_C_N_P = vae.groups(z_K_B_Z).flatten(0, 1).transpose(0, 1)
    whole_N_W = torch.einsum("cnp,cpw->nw", z_C_N_P, layers.z_C_P_W) + layers.z_W
    code_N_R = code_B_R.repeat(draws, 1)
    errors_C_N = z_C_N_P.new_empty(z_C_N_P.shape[:2])
    for rows in torch.arange(draws * items).split(max(1, CACHED_ROWS // vae.n_classes)):
        part = slice(int(rows[0]), int(rows[-1]) + 1)
        h = torch.baddbmm(whole_N_W[None, part], z_C_N_P[:, part], layers.z_C_P_W, alpha=-1)
        h = h.flatten(0, 1)
        for layer in layers.hidden:
            h = h.relu_() if layer is None else torch.addmm(layer[1], h.to(layer[0].dtype), layer[0])
        h = torch.mm(h.to(layers.last_W_R.dtype), layers.last_W_R).unflatten(0, (vae.n_classes, -1))
        errors_C_N[:, part] = torch.linalg.vector_norm(h.sub_(code_N_R[part]), dim=2).square()
    return errors_C_N.T.unflatten(0, (draws, items)) + beside_B[:, None]


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
