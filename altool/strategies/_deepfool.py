"""DeepFool (Moosavi-Dezfooli et al. 2016) in L2, for whole batches: the shortest step over the nearest linearised boundary,
repeated until the prediction changes. Items that are done leave the batch."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies._perturbation import norms

MARGIN = 1e-4  # beyond the boundary, as the authors' code (facts.md 1.6)


@dataclass(frozen=True)
class DeepFool:
    """`iterations` at most; `overshoot`: relative, beyond the boundary; `classes`: how many of the top classes are tried
    against the predicted one (the authors' default 10)."""

    iterations: int = 50
    overshoot: float = 0.02
    classes: int = 10

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.overshoot < 0 or self.classes < 2:
            raise UserError(
                "strategy.max_iterations and classes must be at least 1 and 2, overshoot not negative."
            )

    def perturbation(self, logits: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
        """The perturbation of each image, overshoot included, and whether it changes the prediction, (B, …) and (B,)."""
        first_B_C = logits(images)
        top_B_K = first_B_C.topk(min(self.classes, first_B_C.shape[1]), dim=1).indices
        total = torch.zeros_like(images)
        fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        for _ in range(self.iterations):
            active = (~fooled).nonzero().squeeze(1)
            if not len(active):
                break
            step, still = self._step(
                logits, images[active] + (1 + self.overshoot) * total[active], top_B_K[active]
            )
            fooled[active[~still]] = True
            total[active[still]] += step[still]
        else:
            active = (~fooled).nonzero().squeeze(1)
            if len(active):
                moved = logits(images[active] + (1 + self.overshoot) * total[active])
                fooled[active] = moved.argmax(1) != top_B_K[active, 0]
        return (1 + self.overshoot) * total, fooled

    def _step(
        self, logits: Callable[[Tensor], Tensor], moved: Tensor, top_B_K: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The step to the nearest linearised boundary, and which images are not fooled yet."""
        moved = moved.detach().requires_grad_(True)
        with torch.enable_grad():
            outputs_B_C = logits(moved)
            values_B_K = outputs_B_C.gather(1, top_B_K)
            beside_B_K = values_B_K[:, 1:] - values_B_K[:, :1]  # a gradient less than of every value
        still = outputs_B_C.detach().argmax(1) == top_B_K[:, 0]
        shape = (-1, *[1] * (moved.ndim - 1))
        step = torch.zeros_like(moved)
        nearest = torch.full((len(moved),), torch.inf, device=moved.device)
        for k in range(beside_B_K.shape[1]):
            (across,) = torch.autograd.grad(
                beside_B_K[:, k].sum(), moved, retain_graph=k + 1 < beside_B_K.shape[1]
            )
            length = norms(across)
            distance = torch.where(length > 0, beside_B_K[:, k].detach().abs() / length, torch.inf)
            closer = distance < nearest
            nearest = torch.where(closer, distance, nearest)
            beyond = (distance + MARGIN) / length.clamp(min=torch.finfo(length.dtype).tiny)
            candidate = across * beyond.view(shape)
            step = torch.where(closer.view(shape), candidate, step)
        return step, still
