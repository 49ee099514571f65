"""Softmax regression: one linear layer on what a frozen backbone, or nothing, made of the item."""

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel


class Linear(TaskModel):
    """`dropout` of the features, for methods that need sub-networks. The features are the embedding and the only tap."""

    def __init__(self, input_shape: Sequence[int], n_classes: int, dropout: float = 0.0):
        super().__init__()
        self.embedding_width = prod(input_shape)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.embedding_width, n_classes)
        self.tap_channels = (self.embedding_width,)

    def forward(self, x: Tensor) -> Output:
        features = x.flatten(1)
        return Output(self.head(self.dropout(features)), features, (features,))
