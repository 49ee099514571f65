"""The graph network of Sequential-GCN (Caramalau et al. 2021): labelled against unlabelled nodes on a similarity graph.

Its adjacency A = (FFᵀ − I)D⁻¹ + I, with F the L2-normalised features and D the row sums of FFᵀ − I, has rank D and is never
formed: products with it cost O(N · D), and A·X is the same in every epoch (performance.md 3, items 12 and 13).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.strategy import Context
from altool.models.dropout import Dropout, seed_dropout
from altool.models.optimisers import Adam


@dataclass(frozen=True)
class Adjacency:
    """A of N nodes in factored form. Columns are divided by their node's degree, as the released code does."""

    features_N_D: Tensor
    degrees_N: Tensor

    @staticmethod
    def of(features_N_D: Tensor) -> "Adjacency":
        unit = F.normalize(features_N_D, dim=1)
        return Adjacency(unit, unit @ unit.sum(0) - 1)

    def times(self, values_N_M: Tensor) -> Tensor:
        """A · values, (N, M)."""
        scaled = values_N_M / self.degrees_N[:, None]
        return self.features_N_D @ (self.features_N_D.T @ scaled) - scaled + values_N_M


class GCN(nn.Module):
    """Two graph convolutions: D → hidden, ReLU, dropout, → 1 logit of "labelled"."""

    def __init__(self, d: int, hidden: int, dropout: float):
        super().__init__()
        self.first = nn.Linear(d, hidden)
        self.second = nn.Linear(hidden, 1)
        self.dropout = Dropout(dropout)
        for layer in (self.first, self.second):  # by the width of the output, as released
            bound = layer.out_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound)

    def forward(self, propagated_N_D: Tensor, adjacency: Adjacency) -> tuple[Tensor, Tensor]:
        """Logits (N,) and hidden features (N, hidden); `propagated` is A · X."""
        hidden = F.relu(self.first(propagated_N_D))
        projected = self.dropout(hidden) @ self.second.weight.T
        return (adjacency.times(projected) + self.second.bias).squeeze(1), hidden


@dataclass(frozen=True)
class GCNOptions:
    """`unlabelled_weight`: λ, of the unlabelled nodes' loss."""

    hidden: int
    dropout: float
    lr: float
    weight_decay: float
    epochs: int
    unlabelled_weight: float


def train_gcn(
    context: Context, options: GCNOptions, features_N_D: Tensor, n_labelled: int
) -> tuple[Tensor, Tensor]:
    """Logits of "labelled" (N,) and hidden features (N, hidden) in eval mode. The labelled nodes come last; the network
    sees the same unit features that the graph is made of."""
    adjacency = Adjacency.of(features_N_D)
    propagated = adjacency.times(adjacency.features_N_D)
    with context.streams.init("gcn"):
        gcn = GCN(features_N_D.shape[1], options.hidden, options.dropout)
    gcn.to(context.device).train()
    seed_dropout(gcn, context.streams.torch("strategy", "gcn_dropout", device=context.device))
    optimiser = Adam(gcn.parameters(), lr=options.lr, weight_decay=options.weight_decay)
    unlabelled = len(features_N_D) - n_labelled
    for epoch in range(options.epochs):
        logits, _ = gcn(propagated, adjacency)
        # −mean log p over labelled nodes, −λ mean log(1 − p) over unlabelled ones
        loss = F.softplus(-logits[unlabelled:]).mean()
        loss = loss + options.unlabelled_weight * F.softplus(logits[:unlabelled]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        context.progress(epoch + 1, options.epochs)
    with torch.no_grad():
        logits, hidden = gcn.eval()(propagated, adjacency)
    return logits, hidden
