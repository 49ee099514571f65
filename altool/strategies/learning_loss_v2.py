"""Learning loss v2: the Ranker of TA-VAAL on its own, P0's and P1's ablation (P0 6.2, P1 5.1; D22)."""

from dataclasses import dataclass

from altool.strategies._loss_prediction import PairLoss
from altool.strategies.learning_loss import LearningLoss


@dataclass(frozen=True)
class LearningLossV2(LearningLoss):
    """Learning loss with the ranking loss."""

    loss: PairLoss = "ranking"
