"""VaB-AL's likelihood of 512 items under each class (P2 Eq. 11).

Reference: every draw decoded once for every class with that class's latent group at zero, all layers, then the squared error
(performance.md 3 and 4.4).
"""

from functools import partial

import torch
import torch.nn.functional as F

from altool.models.class_vae import ClassVAE
from altool.strategies._class_likelihood import losses_by_class
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import STREAMS

TAPS = (64, 128, 256, 512)  # ResNet-18's
ITEMS, BATCH = 512, 128


def ten_classes(settings: Settings) -> Workload:
    return _workload(settings, n_classes=10, draws=40, reference_draws=20, must=4, aim=6)


def hundred_classes(settings: Settings) -> Workload:
    return _workload(settings, n_classes=100, draws=8, reference_draws=1, must=7, aim=12)


def _workload(
    settings: Settings, n_classes: int, draws: int, reference_draws: int, must: float, aim: float
) -> Workload:
    items = settings.size(ITEMS, 16)
    draws, reference_draws = settings.size(draws, 2), settings.size(reference_draws, 2)
    with STREAMS.init("class_vae"):
        vae = ClassVAE(TAPS, n_classes).eval().requires_grad_(False)
    generator = STREAMS.torch("strategy", "draws")
    features = torch.rand((items, vae.last.out_features), generator=generator)
    found: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def naive() -> None:
        """Draw by draw, class by class, in batches as released."""
        generator = STREAMS.torch("strategy", "draws")
        mu, logvar = vae.encode(features)
        total = torch.zeros(items, n_classes)
        for _ in range(reference_draws):
            sampled = mu + torch.randn(mu.shape, generator=generator) * (0.5 * logvar).exp()
            for rows in torch.arange(items).split(BATCH):
                part = slice(int(rows[0]), int(rows[-1]) + 1)
                for label in range(n_classes):
                    masked = sampled[part].clone()
                    masked[:, label * vae.per_class : (label + 1) * vae.per_class] = 0
                    errors = F.mse_loss(vae.decode(masked), features[part], reduction="none")
                    total[part, label] += errors.mean(1)
        divergence = -0.5 * (1 + logvar - mu.square() - logvar.exp()).mean(1, keepdim=True)
        found["reference"] = total / reference_draws + divergence

    @torch.no_grad()
    def ours(precision: str, draws: int) -> torch.Tensor:
        return losses_by_class(vae, features, draws, "mean", STREAMS.torch("strategy", "draws"), precision)

    @torch.no_grad()
    def check() -> str:
        fp32, bf16 = (ours(precision, reference_draws) for precision in ("fp32", "bf16"))
        far, farther = (
            ((own - found["reference"]).abs() / found["reference"]).max().item() for own in (fp32, bf16)
        )
        assert far < 1e-4 and farther < 0.05, f"relative differences {far:.1e} and {farther:.1e}"
        return f"equal to {far:.0e}, bf16 to {farther:.0e}"

    return Workload(
        reference=[Part(naive, draws / reference_draws)],
        ours=[
            Ours(
                f"VaB-AL likelihood, {n_classes} classes, {precision}",
                must,
                aim,
                [Part(partial(ours, precision, draws))],
                precision,
            )
            for precision in ("fp32", "bf16")
        ],
        check=check,
        note=f"{items} items, {draws} draws; reference: {reference_draws} of them, scaled as linear",
    )
