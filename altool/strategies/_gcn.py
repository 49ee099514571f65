"""The graph network of Sequential-GCN (Caramalau et al. 2021): labelled against unlabelled nodes on a similarity graph.

Its adjacency A = (FFᵀ − I)D⁻¹ + I, with F the L2-normalised features and D the row sums of FFᵀ − I, has rank D and is never
formed: products with it cost O(N · D), and A·X is the same in every epoch (performance.md 3, items 12 and 13). With a
single output the gradients are short enough to be written down: cores then take shares of the nodes through long chains of
work, and nothing of size N × hidden is kept but the hidden units themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.crew import Crew
from altool.core.strategy import Context
from altool.models.optimisers import Adam
from altool.strategies._gcn_share import Weights, shares_of


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
        return (self.features_N_D @ (self.features_N_D.T @ scaled)).sub_(scaled).add_(values_N_M)


class GCN(nn.Module):
    """Two graph convolutions: D → hidden, ReLU, dropout while training, → 1 logit of "labelled"."""

    def __init__(self, d: int, hidden: int):
        super().__init__()
        self.first = nn.Linear(d, hidden)
        self.second = nn.Linear(hidden, 1)
        for layer in (self.first, self.second):  # by the width of the output, as released
            bound = layer.out_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound)


@dataclass(frozen=True)
class GCNOptions:
    """`unlabelled_weight`: λ, of the unlabelled nodes' loss."""

    hidden: int
    dropout: float
    lr: float
    weight_decay: float
    epochs: int
    unlabelled_weight: float


class _Training:
    """All shares of the nodes, and the network that they train. The labelled nodes come last."""

    def __init__(self, context: Context, options: GCNOptions, features_N_D: Tensor, n_labelled: int):
        adjacency = Adjacency.of(features_N_D)
        unit = adjacency.features_N_D
        n = len(unit)
        self.kind = torch.bfloat16 if context.precision == "bf16" else torch.float32
        propagated = adjacency.times(unit).to(self.kind)
        self.hidden_N_H = propagated.new_empty(n, options.hidden)
        self.logits_N, projected = unit.new_empty(2, n)
        labelled = torch.arange(n, device=unit.device) >= n - n_labelled
        weight = torch.where(labelled, 1 / n_labelled, options.unlabelled_weight / (n - n_labelled))
        shrink = adjacency.degrees_N.reciprocal()
        self.shares = shares_of(
            [unit, shrink, propagated, self.hidden_N_H, projected, self.logits_N, labelled.float(), weight],
            lambda number: context.streams.torch("strategy", "gcn_dropout", number, device=context.device),
        )
        with context.streams.init("gcn"):
            self.gcn = GCN(unit.shape[1], options.hidden)
        self.gcn.to(context.device)

    def project(self, crew: Crew, dropout: float) -> Tensor:
        """Hidden units of all nodes, and their projection. Returns what `Share.project` does, of all shares."""
        first, second = self.gcn.first, self.gcn.second
        weights = Weights(
            first.weight.detach().T.to(self.kind).contiguous(),
            first.bias.detach().to(self.kind),
            (second.weight.detach()[0] / (1 - dropout)).to(self.kind),
            dropout,
        )
        return _sum(crew.each(lambda share: share.project(weights), self.shares))

    def epoch(self, crew: Crew, dropout: float) -> None:
        """Gradients of all parameters."""
        first, second = self.gcn.first, self.gcn.second
        gathered_D, bias = self.project(crew, dropout), second.bias.detach()
        back_D = _sum(crew.each(lambda share: share.blame(gathered_D, bias), self.shares))
        by_first, by_bias, by_second = (
            _sum(of) for of in zip(*crew.each(lambda share: share.learn(back_D), self.shares), strict=True)
        )
        weight_H = second.weight.detach()[0] / (1 - dropout)
        first.weight.grad, first.bias.grad = by_first.mul_(weight_H[:, None]), by_bias.mul_(weight_H)
        second.weight.grad, second.bias.grad = (by_second / (1 - dropout))[None], self.logits_N.sum()[None]

    def judge(self, crew: Crew) -> None:
        """Logits and hidden units in eval mode."""
        gathered_D, bias = self.project(crew, 0.0), self.gcn.second.bias.detach()
        crew.each(lambda share: share.judge(gathered_D, bias), self.shares)


def _sum(of_shares: Sequence[Tensor]) -> Tensor:
    """In the order of the shares, so that no two runs differ."""
    total, *others = of_shares
    for other in others:
        total.add_(other)
    return total


def train_gcn(
    context: Context, options: GCNOptions, features_N_D: Tensor, n_labelled: int
) -> tuple[Tensor, Tensor]:
    """Logits of "labelled" (N,) and hidden features (N, hidden) in eval mode. The labelled nodes come last; the network
    sees the same unit features that the graph is made of."""
    training = _Training(context, options, features_N_D, n_labelled)
    optimiser = Adam(training.gcn.parameters(), options.lr, options.weight_decay)
    with Crew(context.device) as crew:
        for epoch in range(options.epochs):
            training.epoch(crew, options.dropout)
            optimiser.step()
            context.progress(epoch + 1, options.epochs)
        training.judge(crew)
    return training.logits_N, training.hidden_N_H.float()
