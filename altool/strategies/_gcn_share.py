"""A share of the nodes of `_gcn`, which one core takes through the three parts of an epoch.

Between the parts the sums of all shares meet: Fᵀ D⁻¹ · projection, Fᵀ · (the loss's gradient by logits), and the gradients
of the weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

TILE_ROWS = 2048  # 1 MiB of 128 hidden units stay in a core's cache
MOST_SHARES = 16
LEAST_DROPOUT = 2**-16  # a step of `drop`


@dataclass(frozen=True)
class Weights:
    """A network's weights as one epoch uses them; those that meet hidden units are of their type. `second_H` makes up for
    the units that `dropout` takes away."""

    first_D_H: Tensor
    first_bias_H: Tensor
    second_H: Tensor
    dropout: float


class Share:
    """`nodes`: rows of F, of 1/degrees, of A · X, of the hidden units, of two columns for what passes between the parts, and
    of the loss: whether a node is labelled (1 or 0), and its weight. A · X and the hidden units are of one type, all else
    is float32. `dropped`: the stream of this share's dropout."""

    def __init__(self, nodes: Sequence[Tensor], dropped: torch.Generator):
        self.unit_N_D, self.shrink_N, propagated_N_D, self.hidden_N_H, *rest = nodes
        self.projected_N, self.logits_N, self.labelled_N, self.weight_N = rest
        self.itself_N = 1 - self.shrink_N  # what a node has of itself
        self.dropped = dropped
        n_tiles = -(-len(propagated_N_D) // TILE_ROWS)
        split = (of.tensor_split(n_tiles) for of in (propagated_N_D, self.hidden_N_H, self.projected_N))
        self.tiles = list(zip(*split, strict=True))
        largest = self.tiles[0][1]
        n_words = -(-largest.numel() * largest.element_size() // 8)
        self.spare = torch.empty(n_words, dtype=torch.int64, device=largest.device)  # hidden units, or draws
        self.by_first_H_D = self.unit_N_D.new_empty(largest.shape[1], self.unit_N_D.shape[1])

    def project(self, weights: Weights) -> Tensor:
        """Hidden units, zero where they are dropped, and their projection on the second layer. Returns Fᵀ D⁻¹ · projection,
        (D,)."""
        for inputs, hidden, projected in self.tiles:
            torch.addmm(weights.first_bias_H, inputs, weights.first_D_H, out=hidden).relu_()
            if weights.dropout >= LEAST_DROPOUT:
                drop(hidden, weights.dropout, self.dropped, self.spare)
            projected.copy_(hidden @ weights.second_H)
        return self.unit_N_D.T @ (self.projected_N * self.shrink_N)

    def judge(self, gathered_D: Tensor, bias: Tensor) -> None:
        """Logits, into `logits_N`."""
        torch.mv(self.unit_N_D, gathered_D, out=self.logits_N)
        self.logits_N.addcmul_(self.itself_N, self.projected_N).add_(bias)

    def blame(self, gathered_D: Tensor, bias: Tensor) -> Tensor:
        """`logits_N` become the gradient by logits of −mean log p over labelled nodes and −λ mean log(1 − p) over unlabelled
        ones. Returns Fᵀ · it, (D,)."""
        self.judge(gathered_D, bias)
        by_logit_N = self.logits_N.sigmoid_().sub_(self.labelled_N).mul_(self.weight_N)
        return self.unit_N_D.T @ by_logit_N

    def learn(self, back_D: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients by the first layer's weight (H, D) and bias, both but for the factor of the second's weight, and by that
        weight. `projected_N` becomes the gradient by the projection."""
        torch.mv(self.unit_N_D, back_D, out=self.projected_N)
        self.projected_N.mul_(self.shrink_N).addcmul_(self.itself_N, self.logits_N)
        by_first = self.by_first_H_D.zero_()
        by_bias, by_second = by_first.new_zeros(2, len(by_first))
        for inputs, hidden, by_projected in self.tiles:
            by_projected = by_projected.to(hidden.dtype)
            by_second += hidden.T @ by_projected
            by_hidden = self.spare.view(hidden.dtype)[: hidden.numel()].view_as(hidden)
            pass_where(by_projected[:, None].expand_as(hidden), hidden, 0, by_hidden)
            by_bias += by_hidden.sum(0)
            if inputs.dtype == by_first.dtype:
                by_first.addmm_(by_hidden.T, inputs)
            else:
                by_first += by_hidden.T @ inputs
        return by_first, by_bias, by_second


def shares_of(of_nodes: Sequence[Tensor], dropped: Callable[[int], torch.Generator]) -> list[Share]:
    """All nodes in shares of about equal size: a power of two of them, by the number of nodes and not of threads, so that
    results do not depend on these. `of_nodes`: what `Share` takes, in its order; `dropped(number)`: a share's stream."""
    n_shares = 1 << (max(1, min(MOST_SHARES, len(of_nodes[0]) // TILE_ROWS)).bit_length() - 1)
    split = (of.tensor_split(n_shares) for of in of_nodes)
    return [Share(nodes, dropped(number)) for number, nodes in enumerate(zip(*split, strict=True))]


def pass_where(values: Tensor, compared: Tensor, bound: int, out: Tensor) -> None:
    """`out` = values where `compared` > bound, 0 elsewhere, in one pass over memory; `out` may be `values`."""
    torch.ops.aten.threshold_backward.grad_input(values, compared, bound, grad_input=out)


def drop(units: Tensor, dropout: float, generator: torch.Generator, spare: Tensor) -> None:
    """Zero contiguous units with probability `dropout`, to the nearest of 65,536 steps: four share a draw of 64 bits.

    Draws are compared as integers as wide as a unit, and a unit's bits pass or not: a type for both is what vector
    instructions want. `spare`: int64, at least a quarter as many as units."""
    n, bound = units.numel(), round(dropout * 2**16) - 2**15
    draws = spare[: -(-n // 4)].random_(-(2**63), None, generator=generator)
    if units.element_size() == 2:
        bits = units.view(torch.int16).flatten()
        pass_where(bits, draws.view(torch.int16)[:n], bound - 1, bits)
        return
    words, bits = draws.view(torch.int32)[: -(-n // 2)], units.view(torch.int32).flatten()
    for half in bits.split(len(words)):
        pass_where(half, words[: len(half)], (bound << 16) - 1, half)
        words.bitwise_left_shift_(16)  # the lower halves' turn
