"""ResNet-18 and -34 with the 3×3 CIFAR stem, as all papers' CIFAR experiments use them (facts.md 1.1.1).

Any image size and channel count: the last pooling is global. Taps are the outputs of the four stages after the final ReLU.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel, image_shape, pooled


def conv3x3(c_in: int, c_out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with batch norm, and a 1×1 shortcut where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int):
        super().__init__()
        self.conv1 = conv3x3(c_in, c_out, stride)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = conv3x3(c_out, c_out)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class ResNet(TaskModel):
    """`blocks` per stage: (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) is ResNet-34. `width` of the first stage doubles thrice.
    `dropout` sits before each of the four stages (P2 4.2; B5)."""

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        dropout: float = 0.0,
    ):
        super().__init__()
        channels = [width * 2**i for i in range(len(blocks))]
        self.conv1 = conv3x3(image_shape(input_shape)[0], width)
        self.bn1 = nn.BatchNorm2d(width)
        self.stages = nn.ModuleList()
        self.dropouts = nn.ModuleList(Dropout(dropout) for _ in blocks)
        c_in = width
        for i, (n, c_out) in enumerate(zip(blocks, channels, strict=True)):
            strides = [1 if i == 0 else 2, *[1] * (n - 1)]
            widths = [c_in, *[c_out] * (n - 1)]
            self.stages.append(
                nn.Sequential(*(BasicBlock(c, c_out, s) for c, s in zip(widths, strides, strict=True)))
            )
            c_in = c_out
        self.head = nn.Linear(c_in, n_classes)
        self.embedding_width = c_in
        self.tap_channels = tuple(channels)

    def forward(self, x: Tensor) -> Output:
        x = F.relu(self.bn1(self.conv1(x)))
        taps: list[Tensor] = []
        for dropout, stage in zip(self.dropouts, self.stages, strict=True):
            x = stage(dropout(x))
            taps.append(x)
        embedding = pooled(x)
        return Output(self.head(embedding), embedding, tuple(taps))
