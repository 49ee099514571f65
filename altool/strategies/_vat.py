"""Virtual adversarial training (Miyato et al. 2018) as a regulariser: P3 Eq. 3, over labelled and unlabelled images."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from altool.core.batches import endless_batches
from altool.core.strategy import Extension, ExtensionRun, Training, TrainingStep
from altool.models.dropout import dropouts
from altool.strategies._perturbation import Perturbation


@dataclass(frozen=True)
class VAT(Extension):
    """Adds `weight` (λ of Eq. 3) × the mean LDS over the labelled batch and `batch_size` unlabelled images (L11).

    Perturbed passes run without dropout and leave batch-norm statistics alone, the known traps of public VAT code
    (facts.md 1.6)."""

    uses_unlabelled = True

    perturbation: Perturbation
    weight: float = 1.0
    batch_size: int = 128

    def recipe(self) -> dict[str, Any]:
        return {"vat": asdict(self)}

    def begin(self, training: Training) -> "VATRun":
        return VATRun(self, training)


class VATRun(ExtensionRun):
    def __init__(self, options: VAT, training: Training):
        self.options = options
        self.training = training
        rng = training.streams.numpy("strategy", "vat_order")
        self.batches = endless_batches(training.unlabelled, options.batch_size, rng)
        self.noise = training.streams.torch("strategy", "vat_noise", device=training.device)
        self.unlabelled = training.unlabelled[:0]
        self.directions = torch.empty(0)

    def loss(self, step: TrainingStep) -> Tensor:
        if not step.done:  # once for all parts of a batch, whose shares they are
            self.unlabelled = next(self.batches) if len(self.training.unlabelled) else self.unlabelled
            shape = (step.of + len(self.unlabelled), *step.images.shape[1:])
            self.directions = torch.randn(shape, generator=self.noise, device=step.images.device)
        own, n = slice(step.done, step.done + len(step.images)), len(self.unlabelled)
        share = slice(n * own.start // step.of, n * own.stop // step.of)
        unlabelled = self.unlabelled[share]
        images = (
            torch.cat([step.images, self.training.images(unlabelled)]) if len(unlabelled) else step.images
        )
        perturbation = self.options.perturbation

        def logits(inputs: Tensor) -> Tensor:
            # in float32 whatever the precision: a finite-difference step drowns in bfloat16
            return self.training.model(inputs).logits.float()

        with smooth_passes(self.training.model):
            with torch.no_grad():
                clean_B_C = logits(images)
            start = torch.cat([self.directions[own], self.directions[step.of :][share]])
            r = perturbation.adversarial(logits, images, clean_B_C, start)
            roughness_B = perturbation.divergence(clean_B_C, logits(images + r))
            return self.options.weight * roughness_B.mean().float()


@contextmanager
def smooth_passes(model: nn.Module) -> Iterator[None]:
    """Inside, the model runs in training mode but without dropout and without moving batch-norm statistics."""
    layers = dropouts(model)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [layer.p for layer in layers], [norm.momentum for norm in norms]
    for layer in layers:
        layer.p = 0.0
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for layer, p in zip(layers, before[0], strict=True):
            layer.p = p
        for norm, momentum in zip(norms, before[1], strict=True):
            norm.momentum = momentum
