"""Virtual adversarial active learning (P3, Yu & Pao 2020): local distributional roughness (LDR), class-balanced.

LDR is how far a virtual adversarial perturbation moves the prediction (P3 Eqs. 1, 2, 4). Candidates above the PR_T
percentile are bought from the threshold upwards, in equal shares of the predicted classes (Algorithm 1). Called `ldr`
because VAAL is Sinha's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from altool.core.errors import UserError
from altool.core.strategy import Context, Picks, Strategy
from altool.strategies._perturbation import Perturbation
from altool.strategies._quota import quotas

FLIPPED = (
    0.5  # share of candidates given another class by the perturbation above which a query is warned about
)
BALANCES = ("uniform", "predicted", "none")


class Clean(NamedTuple):
    """Logits of the unperturbed candidates."""

    logits_N_C: Tensor

    @property
    def classes_N(self) -> np.ndarray:
        """Those predicted."""
        return self.logits_N_C.argmax(1).cpu().numpy()


@dataclass(frozen=True)
class LDR(Strategy):
    """`percentile`: PR_T, 0 to 100; `power_iterations`: Ip; the others see `Perturbation`. `order`: ascending from the
    threshold as Algorithm 1, or descending (L6). `balance`: uniform, predicted (as the candidates' predicted classes),
    none, or a share per class id. Costs 2 + 2·Ip forward passes over the candidates; O(N · C) memory."""

    wants = frozenset[str]()
    input_gradients = True
    pointwise = True

    percentile: float = 90.0
    epsilon: float | None = None
    xi: float = 1e-2
    power_iterations: int = 5  # Ip
    symmetric: bool = False
    smoothing: float = 0.0
    order: str = "ascending"
    balance: str | Mapping[int, float] = "uniform"

    def __post_init__(self) -> None:
        if not 0 <= self.percentile < 100:
            raise UserError(f"strategy.percentile={self.percentile}: must be in [0, 100).")
        if self.order not in ("ascending", "descending"):
            raise UserError(f"strategy.order={self.order}: known: ascending, descending.")
        if isinstance(self.balance, str) and self.balance not in BALANCES:
            raise UserError(
                f"strategy.balance={self.balance}: known: {', '.join(BALANCES)}, or shares by class."
            )
        _ = self.perturbation

    @property
    def perturbation(self) -> Perturbation:
        return Perturbation(self.epsilon, self.xi, self.power_iterations, self.symmetric, self.smoothing)

    @torch.no_grad()
    def fit(self, context: Context) -> Clean:
        """From the logits that the perturbed ones will be compared with: a probe would be a pass of its own."""
        assert context.logits is not None
        logits = context.logits

        def serve(part: slice) -> dict[str, Tensor]:
            return {"logits": logits(context.images(context.candidates[part]))}

        return Clean(context.in_chunks(len(context.candidates), serve)["logits"])

    def score(self, context: Context, fitted: Clean) -> Tensor:
        """LDR of each candidate, nats."""
        assert context.logits is not None
        logits = context.logits

        def serve(part: slice) -> dict[str, Tensor]:
            indices = context.candidates[part]
            images = context.images(indices)
            clean_B_C = fitted.logits_N_C[part]
            r = self.perturbation.adversarial(logits, images, clean_B_C, directions(context, indices))
            moved_B_C = logits(images + r)
            flipped_B = moved_B_C.argmax(1) != clean_B_C.argmax(1)
            return {"score": self.perturbation.divergence(clean_B_C, moved_B_C), "flipped": flipped_B}

        found = context.in_chunks(len(context.candidates), serve)
        share = int(found["flipped"].sum()) / max(1, len(context.candidates))
        context.diagnostics.number("ldr_flipped", share)
        if share > FLIPPED:
            radius = self.perturbation.radius(math.prod(context.image_shape))
            context.diagnostics.warn(
                f"the perturbation gives {share:.0%} of the candidates another class: it is no small one; "
                f"lower strategy.epsilon (now {radius:.3g})."
            )
        return found["score"]

    def select(self, context: Context, fitted: Clean, scores: np.ndarray, n: int) -> Picks:
        """Algorithm 1. Classes with too few candidates above the threshold leave the rest to the next-lowest of all
        classes, then to those just below the threshold (L5)."""
        classes = fitted.classes_N
        threshold = np.percentile(scores, self.percentile)  # over the whole pool, then by class (L4)
        rng = context.streams.numpy("strategy", "ties")
        shuffled = rng.permutation(len(scores))
        sign = 1 if self.order == "ascending" else -1
        rising = shuffled[np.argsort(sign * scores[shuffled], kind="stable")]
        above = rising[scores[rising] > threshold]
        chosen: list[int] = []
        if self.balance != "none":
            shares = quotas(self.balance, classes, context.n_classes, n, rng)
            for label, quota in enumerate(shares):
                chosen += list(above[classes[above] == label][:quota])
        taken = set(chosen)
        chosen += [i for i in above if i not in taken][: n - len(chosen)]
        taken = set(chosen)
        below = [i for i in shuffled[np.argsort(-scores[shuffled], kind="stable")] if i not in taken]
        chosen += below[: n - len(chosen)]
        if len(above) <= n and self.percentile:
            context.diagnostics.warn(
                f"only {len(above)} candidates lie above the threshold and {n} are bought: `balance` has no say; "
                "lower strategy.percentile or raise budget.candidates."
            )
        context.diagnostics.number("ldr_threshold", float(threshold))
        context.diagnostics.number("ldr_above_threshold", float(len(above)))
        context.diagnostics.array("pseudo_labels", classes)
        return Picks(context.candidates[chosen], scores[chosen])


def directions(context: Context, indices: np.ndarray) -> Tensor:
    """A random Gaussian direction per dataset index: the same whatever else is scored beside it."""
    key = context.streams.numpy("strategy", "directions").integers(0, 2**63, 2, dtype=np.uint64)
    size = int(np.prod(context.image_shape))
    rows = np.empty((len(indices), size), np.float32)
    for row, index in zip(rows, indices, strict=True):
        bits = np.random.Philox(key=key, counter=[0, 0, int(index), 0])
        row[:] = np.random.Generator(bits).standard_normal(size, dtype=np.float32)
    return torch.from_numpy(rows).view(len(indices), *context.image_shape).to(context.device)
