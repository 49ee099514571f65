"""MC-dropout / BALD (Houlsby et al. 2011, Gal et al. 2017), as P1 and P2 compare with it.

P2 puts dropout 0.25 before each residual block stage and draws 100 times (4.2); P1 says nothing of either (B5).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from torch import Tensor

from altool.core.errors import UserError
from altool.core.strategy import Context, Extension, Strategy
from altool.strategies._mc_dropout import MCDropout, mutual_information, predictive_entropy
from altool.strategies._probabilities import Measure, averaged


@dataclass(frozen=True)
class BALD(Strategy):
    """`acquisition`: bald (mutual information) or entropy (of the mean prediction). `draws` passes over the candidates; a
    draw is one sub-network for the whole pool; memory is one chunk × draws × C, and × pixels where the task is dense."""

    wants = frozenset({"mc_logits"})
    pointwise = True
    dense = True

    acquisition: Literal["bald", "entropy"] = "bald"
    draws: int = 100
    dropout: float = 0.25

    def __post_init__(self) -> None:
        if self.draws < 1 or not 0 < self.dropout < 1:
            raise UserError("strategy.draws must be at least 1 and strategy.dropout between 0 and 1.")

    def extension(self) -> Extension:
        return MCDropout(self.dropout)

    def score(self, context: Context, fitted: Any) -> Tensor:
        measure = mutual_information if self.acquisition == "bald" else predictive_entropy
        reduce = partial(_measured, measure)
        return context.probe(context.candidates, ["mc_logits"], reduce, self.draws)["score"]


def _measured(measure: Measure, chunk: dict[str, Tensor]) -> dict[str, Tensor]:
    logits = chunk["mc_logits"]
    if logits.ndim == 3:
        return {"score": measure(logits.cpu().double().log_softmax(2))}
    return {"score": averaged(lambda tile: measure(tile.log_softmax(2)), logits)}
