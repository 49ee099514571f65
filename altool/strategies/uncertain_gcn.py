"""UncertainGCN (Caramalau et al., CVPR 2021): the unlabelled nodes that the graph network is least sure are unlabelled.

Offered by the code base that TA-VAAL grew from; no part of the four papers.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from altool.core.errors import UserError
from altool.core.strategy import Context, Strategy
from altool.strategies._gcn import GCNOptions, train_gcn


class Graph(NamedTuple):
    """Over candidates, then labelled items: logits of "labelled" and hidden features."""

    logits: Tensor
    hidden: Tensor

    @property
    def probability(self) -> Tensor:
        return self.logits.sigmoid()


@dataclass(frozen=True)
class UncertainGCN(Strategy):
    """`target`: candidates whose probability of "labelled" is nearest to it are bought (the released s_margin, 0.1).
    O((N + L) · D) time per epoch and memory."""

    wants = frozenset({"embedding"})

    hidden: int = 128
    dropout: float = 0.3
    lr: float = 1e-3
    weight_decay: float = 5e-4
    epochs: int = 200
    unlabelled_weight: float = 1.2
    target: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise UserError(f"strategy.dropout={self.dropout}: must be in [0, 1).")

    def iterations(self, n_labelled: int, n_candidates: int) -> int:
        return self.epochs

    def fit(self, context: Context) -> Graph:
        both = np.concatenate([context.candidates, context.labelled])
        features = context.probe(both, ["embedding"])["embedding"]
        options = GCNOptions(
            self.hidden, self.dropout, self.lr, self.weight_decay, self.epochs, self.unlabelled_weight
        )
        graph = Graph(*train_gcn(context, options, features, len(context.labelled)))
        context.diagnostics.number(
            "gcn_mean_candidates", graph.probability[: len(context.candidates)].mean().item()
        )
        context.diagnostics.number(
            "gcn_mean_labelled", graph.probability[len(context.candidates) :].mean().item()
        )
        return graph

    def score(self, context: Context, fitted: Graph) -> Tensor:
        return -(fitted.probability[: len(context.candidates)] - self.target).abs()
