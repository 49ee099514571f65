"""Loss prediction: a small head on the task model's taps, trained beside it to order items by their loss.

Learning loss (Yoo & Kweon 2019) trains it with a margin loss, TA-VAAL (P0 Eq. 4, P1 Eq. 1) with a ranking loss.
"""

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import kendalltau
from torch import Tensor, nn

from altool.core.strategy import Context, Extension, ExtensionRun, Training, TrainingStep
from altool.models.loss_net import LossNet, PointRanker

ROUNDING = 1e-9  # 0.7 × 90 epochs is 63 of them, not 62.999…
NEAR_CHANCE = 0.55  # share of pairs in the right order below which a query is warned about
PairLoss = Literal["ranking", "margin"]


def pairs(values_B: Tensor) -> tuple[Tensor, Tensor]:
    """Item i with item B−1−i, each (B/2,); an unpaired last item is left out (T28)."""
    even = values_B[: len(values_B) // 2 * 2]
    first, second = even.chunk(2)
    return first, second.flip(0)


def ranking_loss(predicted_B: Tensor, losses_B: Tensor) -> Tensor:
    """Mean binary cross-entropy that sigmoid(l̂ᵢ − l̂ⱼ) tells which of a pair has the higher loss (P1 Eq. 1); ties count
    as lower (T27)."""
    predicted_i, predicted_j = pairs(predicted_B)
    loss_i, loss_j = pairs(losses_B.detach())
    higher = (loss_i > loss_j).to(predicted_B)
    each = F.binary_cross_entropy_with_logits(predicted_i - predicted_j, higher, reduction="none")
    return _mean(each)


def margin_loss(predicted_B: Tensor, losses_B: Tensor, xi: float = 1.0) -> Tensor:
    """Mean of max(0, ξ − I·(l̂ᵢ − l̂ⱼ)) with I = +1 where the first of a pair has the higher loss, else −1 (B2: the papers
    print the opposite sign)."""
    predicted_i, predicted_j = pairs(predicted_B)
    loss_i, loss_j = pairs(losses_B.detach())
    sign = torch.where(loss_i > loss_j, 1.0, -1.0).to(predicted_B)
    return _mean((xi - sign * (predicted_i - predicted_j)).clamp(min=0))


def order_accuracy(predicted_L: np.ndarray, losses_L: np.ndarray) -> float:
    """Share of pairs whose loss order is predicted, in [0, 1], by Kendall's τ-b; 0.5 where there is nothing to order."""
    if len(losses_L) < 2:
        return 0.5
    tau = float(kendalltau(predicted_L, losses_L)[0])  # type: ignore[arg-type]  # SciPy's stubs know no tuple
    return 0.5 if np.isnan(tau) else (1 + tau) / 2


def report_order(context: Context, predicted_L: Tensor, losses_L: Tensor) -> None:
    """Health of the head on the labelled items, the only ones whose losses are known: in-sample, so that whoever is near
    chance here is so everywhere."""
    accuracy = order_accuracy(predicted_L.cpu().numpy(), losses_L.cpu().numpy())
    context.diagnostics.number("ranker_accuracy", accuracy)
    if accuracy < NEAR_CHANCE:
        context.diagnostics.warn(
            f"loss prediction orders {accuracy:.0%} of the labelled pairs by their loss: hardly better than chance."
        )


def _mean(losses: Tensor) -> Tensor:
    """0 where a batch of one leaves no pair."""
    return losses.sum() / max(1, len(losses))


@dataclass(frozen=True)
class LossPrediction(Extension):
    """`weight`: of the head's loss beside the task's (η = 1, T7); `width`: of its branches, for images (points: T26).
    The two gradient-stop rules of T4, as fractions of the epochs: past `detach_after` the head no longer moves the task
    model (the released code's epoch > 120 of 200); past `freeze_after` the head itself stands still while its loss still
    moves the task model (P1 Algorithm 1: 0.8)."""

    loss: PairLoss = "ranking"
    weight: float = 1.0
    width: int = 128
    detach_after: float | None = 0.6
    freeze_after: float | None = None

    def recipe(self) -> dict[str, Any]:
        return {"loss_prediction": asdict(self)}

    def begin(self, training: Training) -> "LossPredictionRun":
        return LossPredictionRun(self, training)


class LossPredictionRun(ExtensionRun):
    def __init__(self, options: LossPrediction, training: Training):
        self.options = options
        self.epochs = training.epochs
        with training.streams.init("loss_net"):
            taps: Any = training.model.tap_channels
            points = len(training.input_shape) == 1
            self.head = PointRanker(taps) if points else LossNet(taps, options.width)
        self.head.to(training.device)

    def optimised(self) -> dict[str, nn.Module]:
        return {"loss_net": self.head}

    def phase(self, epoch: int) -> Hashable:
        return self._detached(epoch), self.optimised_now(epoch)

    def optimised_now(self, epoch: int) -> bool:
        after = self.options.freeze_after
        return after is None or epoch + 1 <= after * self.epochs + ROUNDING  # Algorithm 1 counts n from 1

    def loss(self, step: TrainingStep) -> Tensor:
        detached = self._detached(step.epoch)
        taps = [tap.detach() if detached else tap for tap in step.output.taps]
        predicted_B = self.head([tap.float() for tap in taps])
        pair_loss = ranking_loss if self.options.loss == "ranking" else margin_loss
        return self.options.weight * pair_loss(predicted_B, step.losses_B)

    def _detached(self, epoch: int) -> bool:
        after = self.options.detach_after
        return after is not None and epoch > int(after * self.epochs + ROUNDING)

    def auxiliary(self, output: Any) -> Tensor:
        """Predicted loss, (B,)."""
        return self.head([tap.float() for tap in output.taps])
