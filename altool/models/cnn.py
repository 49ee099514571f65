"""The small convolutional network of P3 (Yu & Pao 2020): two 5×5 convolutions, one hidden layer of 1024, leaky ReLU,
dropout 0.5. P3 gives no channels, kernels or pooling; facts.md L9 says which were taken and why."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.errors import UserError
from altool.models.dropout import Dropout
from altool.models.first_conv import FirstConv2d
from altool.models.output import Output, TaskModel, image_shape


class CNN(TaskModel):
    """Each convolution is followed by leaky ReLU and 2×2 max-pooling. Taps: both convolutions and the hidden layer."""

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        channels: Sequence[int] = (32, 64),
        kernel: int = 5,
        hidden: int = 1024,
        dropout: float = 0.5,
        slope: float = 0.1,
    ):
        super().__init__()
        c_in, *sides = image_shape(input_shape)
        widths = [c_in, *channels]
        first, *others = pairwise(widths)
        self.convs = nn.ModuleList(
            [
                FirstConv2d(*first, kernel),
                *(nn.Conv2d(a, b, kernel, padding=kernel // 2) for a, b in others),
            ]
        )
        height, width = (side // 2 ** len(channels) for side in sides)
        if not height or not width:
            raise UserError(
                f"images of {sides[0]}×{sides[1]} pixels are too small for {len(channels)} poolings: "
                "type learner=mlp, or give learner.model.channels fewer numbers."
            )
        self.hidden = nn.Linear(channels[-1] * height * width, hidden)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden, n_classes)
        self.slope = slope
        self.embedding_width = hidden
        self.tap_channels = (*channels, hidden)

    def forward(self, x: Tensor) -> Output:
        taps: list[Tensor] = []
        for conv in self.convs:
            # pooled first: the same numbers, since leaky ReLU keeps the order, from a quarter of the activations
            x = F.leaky_relu(F.max_pool2d(conv(x), 2), self.slope)
            taps.append(x)
        embedding = F.leaky_relu(self.hidden(x.flatten(1)), self.slope)
        taps.append(embedding)
        return Output(self.head(self.dropout(embedding)), embedding, tuple(taps))
