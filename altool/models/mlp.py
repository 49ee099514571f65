"""Multi-layer perceptron for 2-D points and small images: P1's toy (2-64-64-C, T26) and P3's (two hidden layers of 1024
with dropout 0.5)."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel


class MLP(TaskModel):
    """ReLU layers of the `hidden` widths, then a linear head. Taps: every hidden layer (P1 4.1: Ranker on the mid-layer is
    the last of two)."""

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        hidden: Sequence[int] = (64, 64),
        dropout: float = 0.0,
    ):
        super().__init__()
        widths = [prod(input_shape), *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.dropouts = nn.ModuleList(Dropout(dropout) for _ in hidden)
        self.head = nn.Linear(widths[-1], n_classes)
        self.embedding_width = widths[-1]
        self.tap_channels = tuple(hidden)

    def forward(self, x: Tensor) -> Output:
        x = x.flatten(1)
        taps: list[Tensor] = []
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            hidden = F.relu(layer(x))
            taps.append(hidden)
            x = dropout(hidden)
        return Output(self.head(x), taps[-1], tuple(taps))
