"""VAAL with the original loss-prediction loss: P0's and P1's ablation of the ranking loss (P0 6.2, P1 5.1; D22)."""

from dataclasses import dataclass

from altool.strategies._loss_prediction import PairLoss
from altool.strategies.ta_vaal import TAVAAL


@dataclass(frozen=True)
class VAALLearningLoss(TAVAAL):
    """TA-VAAL whose Ranker is trained with learning loss's margin loss."""

    loss: PairLoss = "margin"
