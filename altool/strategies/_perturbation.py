"""The virtual adversarial perturbation (Miyato et al. 2018; P3 Eq. 1) by power iteration, for whole batches."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from altool.core.errors import UserError

Logits = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Perturbation:
    """`epsilon`: L2 length of the perturbation in units of the model's input; None: 2·√(d/784) for d inputs, P3's "ξ = 2"
    (L2) at the same change per pixel as on its MNIST, since 2 moves a point of a plane to anywhere; `xi`:
    finite-difference step of the power iteration, 1e-2 since float32 drowns 1e-6 (L2); `iterations`: Ip.
    `symmetric`: KL(p‖q) + KL(q‖p) instead of KL(clean ‖ perturbed) (L7); `smoothing`: share of the uniform distribution
    mixed into both (P3 III-A "small amount of uniform distribution")."""

    epsilon: float | None = None
    xi: float = 1e-2
    iterations: int = 5
    symmetric: bool = False
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if (
            (self.epsilon is not None and self.epsilon <= 0)
            or self.xi <= 0
            or self.iterations < 0
            or not 0 <= self.smoothing < 1
        ):
            raise UserError(
                "strategy.epsilon and strategy.xi must be positive, power_iterations at least 0, smoothing in [0, 1)."
            )

    def divergence(self, clean_B_C: Tensor, other_B_C: Tensor) -> Tensor:
        """Distance of two predictions given as logits, nats, (B,), in float64: where the net is sure, the difference of two
        float32 probabilities is rounding, and so would be its gradient."""
        log_p, log_q = self._log_probs(clean_B_C), self._log_probs(other_B_C)
        forward = (log_p.exp() * (log_p - log_q)).sum(1)
        return forward + (log_q.exp() * (log_q - log_p)).sum(1) if self.symmetric else forward

    def adversarial(self, logits: Logits, images: Tensor, clean_B_C: Tensor, start: Tensor) -> Tensor:
        """r_v-adv of length epsilon, shaped as `images`; `start` is a random direction for each image. Where the gradient
        vanishes the direction stays."""
        direction = unit(start)
        for _ in range(self.iterations):
            r = (self.xi * direction).requires_grad_(True)
            with torch.enable_grad():
                divergence = self.divergence(clean_B_C, logits(images + r)).sum()
            (gradient,) = torch.autograd.grad(divergence, r)
            moves = _like(_largest(gradient), gradient) > 0  # a norm would underflow where the net is sure
            direction = torch.where(moves, unit(gradient), direction)
        return self.radius(images[0].numel()) * direction

    def radius(self, n_inputs: int) -> float:
        """The length that `epsilon` stands for."""
        return 2.0 * (n_inputs / 784) ** 0.5 if self.epsilon is None else self.epsilon

    def _log_probs(self, logits_B_C: Tensor) -> Tensor:
        log_probs = logits_B_C.double().log_softmax(1)
        if not self.smoothing:
            return log_probs
        uniform = self.smoothing / logits_B_C.shape[1]
        return ((1 - self.smoothing) * log_probs.exp() + uniform).log()


def norms(batch: Tensor) -> Tensor:
    """L2 norm of each item, (B,)."""
    return batch.flatten(1).norm(dim=1)


def unit(batch: Tensor) -> Tensor:
    """Each item at length 1; zeros stay zeros. Scaled by its largest entry first, so that tiny gradients survive."""
    tiny = torch.finfo(batch.dtype).tiny
    scaled = batch / _like(_largest(batch).clamp(min=tiny), batch)
    return scaled / _like(norms(scaled).clamp(min=tiny), batch)


def _largest(batch: Tensor) -> Tensor:
    return batch.flatten(1).abs().amax(1)


def _like(values_B: Tensor, batch: Tensor) -> Tensor:
    return values_B.view(-1, *[1] * (batch.ndim - 1))
