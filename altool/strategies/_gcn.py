"""The graph network of Sequential-GCN (Caramalau et al. 2021): labelled against unlabelled nodes on a similarity graph.

Its adjacency A = (FFᵀ − I)D⁻¹ + I, with F the L2-normalised features and D the row sums of FFᵀ − I, has rank D and is never
formed: products with it cost O(N · D), and A·X is the same in every epoch (performance.md 3, items 12 and 13). With a
single output the gradients are short enough to be written down: hidden units are then walked through in tiles that stay in
the cache, and nothing of size N × hidden is kept but the hidden units themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.strategy import Context
from altool.models.optimisers import Adam

TILE_ROWS = 2048  # 1 MiB of 128 hidden units


@dataclass(frozen=True)
class Adjacency:
    """A of N nodes in factored form. Columns are divided by their node's degree, as the released code does."""

    features_N_D: Tensor
    degrees_N: Tensor

    @staticmethod
    def of(features_N_D: Tensor) -> "Adjacency":
        unit = F.normalize(features_N_D, dim=1)
        return Adjacency(unit, unit @ unit.sum(0) - 1)

    def times(self, values: Tensor) -> Tensor:
        """A · values, of (N,) or (N, M)."""
        scaled = values / (self.degrees_N if values.ndim == 1 else self.degrees_N[:, None])
        return (self.features_N_D @ (self.features_N_D.T @ scaled)).sub_(scaled).add_(values)

    def transposed_times(self, values_N: Tensor) -> Tensor:
        """Aᵀ · values, (N,)."""
        similar = self.features_N_D @ (self.features_N_D.T @ values_N) - values_N
        return similar / self.degrees_N + values_N


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


class _Pass:
    """Forward passes over all nodes, and the gradients of the last one. `propagated_N_D` is A · X; hidden units are of its
    type, all else is float32."""

    def __init__(self, gcn: GCN, adjacency: Adjacency, propagated_N_D: Tensor):
        self.gcn, self.adjacency, self.propagated_N_D = gcn, adjacency, propagated_N_D
        self.hidden_N_H = propagated_N_D.new_empty(len(propagated_N_D), gcn.first.out_features)
        self.keep = 1.0

    @torch.no_grad()
    def forward(self, dropout: float, generator: torch.Generator | None) -> Tensor:
        """Logits of "labelled", (N,); `hidden_N_H` then holds the hidden units, zero where they are dropped."""
        self.keep = 1 - dropout
        kind = self.hidden_N_H.dtype
        first_D_H, bias = self.gcn.first.weight.T.to(kind).contiguous(), self.gcn.first.bias.to(kind)
        weight = (self.gcn.second.weight[0] / self.keep).to(kind)
        projected = []
        for inputs, hidden in self._tiles():
            torch.addmm(bias, inputs, first_D_H, out=hidden).relu_()
            if dropout:
                hidden.mul_(keep_mask(hidden, dropout, generator))
            projected.append(hidden @ weight)
        return self.adjacency.times(torch.cat(projected).float()) + self.gcn.second.bias

    @torch.no_grad()
    def backward(self, by_logit_N: Tensor) -> None:
        """Gradients of all parameters from the loss's by each logit."""
        first, second = self.gcn.first, self.gcn.second
        by_projected_N = self.adjacency.transposed_times(by_logit_N)
        by_first, by_bias = torch.zeros_like(first.weight), torch.zeros_like(first.bias)
        by_second = torch.zeros_like(first.bias)
        for (inputs, hidden), by_projected in zip(
            self._tiles(), by_projected_N.to(self.hidden_N_H.dtype).split(TILE_ROWS), strict=True
        ):
            by_second += hidden.T @ by_projected
            by_hidden = hidden.sign().mul_(by_projected[:, None])  # but for the second layer's weight
            by_bias += by_hidden.sum(0)
            by_first += by_hidden.T @ inputs
        weight = second.weight[0] / self.keep
        first.weight.grad, first.bias.grad = by_first.mul_(weight[:, None]), by_bias.mul_(weight)
        second.weight.grad, second.bias.grad = (by_second / self.keep)[None], by_logit_N.sum()[None]

    def _tiles(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self.propagated_N_D.split(TILE_ROWS), self.hidden_N_H.split(TILE_ROWS), strict=True)


def keep_mask(units_N_H: Tensor, dropout: float, generator: torch.Generator | None) -> Tensor:
    """False with probability `dropout`, to the nearest of 65,536 steps: four units share a draw, which costs most."""
    n = units_N_H.numel()
    draws = torch.empty(-(-n // 4), dtype=torch.int64, device=units_N_H.device)
    draws.random_(-(2**63), None, generator=generator)
    return (draws.view(torch.int16)[:n] >= round(dropout * 2**16) - 2**15).view_as(units_N_H)


def train_gcn(
    context: Context, options: GCNOptions, features_N_D: Tensor, n_labelled: int
) -> tuple[Tensor, Tensor]:
    """Logits of "labelled" (N,) and hidden features (N, hidden) in eval mode. The labelled nodes come last; the network
    sees the same unit features that the graph is made of."""
    adjacency = Adjacency.of(features_N_D)
    propagated = adjacency.times(adjacency.features_N_D)
    with context.streams.init("gcn"):
        gcn = GCN(features_N_D.shape[1], options.hidden)
    gcn.to(context.device)
    dropped = context.streams.torch("strategy", "gcn_dropout", device=context.device)
    optimiser = Adam(gcn.parameters(), options.lr, options.weight_decay)
    kind = torch.bfloat16 if context.precision == "bf16" else torch.float32
    nodes = _Pass(gcn, adjacency, propagated.to(kind))
    unlabelled = len(features_N_D) - n_labelled
    for epoch in range(options.epochs):
        said = nodes.forward(options.dropout, dropped).sigmoid()
        # of −mean log p over labelled nodes, −λ mean log(1 − p) over unlabelled ones
        nodes.backward(
            torch.cat(
                [
                    said[:unlabelled] * (options.unlabelled_weight / unlabelled),
                    (said[unlabelled:] - 1) / n_labelled,
                ]
            )
        )
        optimiser.step()
        context.progress(epoch + 1, options.epochs)
    return nodes.forward(0.0, None), nodes.hidden_N_H.float()
