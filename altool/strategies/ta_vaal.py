"""TA-VAAL, task-aware variational adversarial active learning (P0; P1, Kim et al., CVPR 2021).

The task model learns with a Ranker that predicts which of two items has the higher loss (P1 Eq. 1); the predicted rank
enters VAAL's decoder and discriminator (Eqs. 4 to 6); the items that look least labelled are bought (Eq. 7).

Where paper and released code differ, the defaults follow facts.md section 6 (T1 to T14) and every other reading is an
option; `docs/methods.md` lists them.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from altool.core.strategy import Context, Extension
from altool.strategies._joint import JointGame
from altool.strategies._loss_prediction import LossPrediction, PairLoss, report_order
from altool.strategies.vaal import VAAL, Played, Ranks


@dataclass(frozen=True)
class TAVAAL(VAAL):
    """Options of `VAAL`, and:

    `coupling`: `sequential` trains the game after the task model, as released (T3); `joint` plays it inside the task
    model's loop, as P1 Algorithm 1 prints it.
    `rank`: how the rank enters the discriminator: through a sigmoid, as P1 says, or raw, as released (T5). The decoder
    always gets the sigmoid.
    `loss`, `weight` (η), `detach_after`, `freeze_after`: of the Ranker, see `LossPrediction` (T4, T7).
    """

    wants = frozenset({"auxiliary", "losses"})
    ranked: ClassVar[bool] = True

    kl_reduction: Literal["mean", "sum"] = "mean"  # T7
    vae_steps: int = 1  # T8
    coupling: Literal["sequential", "joint"] = "sequential"
    rank: Literal["sigmoid", "raw"] = "sigmoid"
    loss: PairLoss = "ranking"
    weight: float = 1.0
    ranker_width: int = 128
    detach_after: float | None = 0.6
    freeze_after: float | None = None

    def extension(self) -> Extension:
        ranker = LossPrediction(
            self.loss, self.weight, self.ranker_width, self.detach_after, self.freeze_after
        )
        return ranker if self.coupling == "sequential" else JointGame(ranker, self)

    def fit(self, context: Context) -> Played:
        both = np.concatenate([context.candidates, context.labelled])
        probed = context.probe(both, ["auxiliary", "losses"])
        raw, n = probed["auxiliary"], len(context.candidates)
        ranks = Ranks(raw[:n], raw[n:])
        report_order(context, ranks.labelled, probed["losses"][n:])
        context.diagnostics.array("rank_candidates", ranks.candidates.cpu().numpy())
        context.diagnostics.array("rank_labelled", ranks.labelled.cpu().numpy())
        context.diagnostics.number("rank_mean", ranks.candidates.mean().item())
        context.diagnostics.number("rank_std", ranks.candidates.std(correction=0).item())
        if self.coupling == "joint":
            own = {name: deepcopy(context.trained[name]) for name in ("vae", "discriminator")}
            return Played(own, ranks)  # copies: `batch_norm: train` moves running statistics
        return Played(self._play(context, ranks).networks(), ranks)

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        return 0 if self.coupling == "joint" else super().iterations(n_labelled, n_candidates)

    def discriminator_rank(self, ranks: Tensor) -> Tensor:
        return ranks.sigmoid() if self.rank == "sigmoid" else ranks
