"""Learning loss (Yoo & Kweon 2019): the highest predicted loss first.

The gradient stop counts from epoch 120 of 200, as in the re-implementation that the field uses (facts.md 1.2); networks are
new at every stage (B1), where that code carries them over.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from altool.core.strategy import Context, Extension, Strategy
from altool.strategies._loss_prediction import LossPrediction, PairLoss, report_order


@dataclass(frozen=True)
class LearningLoss(Strategy):
    """`loss`: margin (the original) or ranking (P0's and P1's; learning_loss_v2). Other options: see `LossPrediction`."""

    wants = frozenset({"auxiliary", "losses"})
    pointwise = True
    dense = True

    loss: PairLoss = "margin"
    weight: float = 1.0
    width: int = 128
    detach_after: float | None = 0.6
    freeze_after: float | None = None

    def extension(self) -> Extension:
        return LossPrediction(self.loss, self.weight, self.width, self.detach_after, self.freeze_after)

    def fit(self, context: Context) -> None:
        known = context.probe(context.labelled, ["auxiliary", "losses"])
        report_order(context, known["auxiliary"], known["losses"])

    def score(self, context: Context, fitted: Any) -> Tensor:
        return context.probe(context.candidates, ["auxiliary"])["auxiliary"]
