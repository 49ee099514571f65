"""ResNet-18 and -34: with the 3×3 CIFAR stem, as all papers' CIFAR experiments use them (facts.md 1.1.1), and with
torchvision's 7×7 stem for large images (T23), there also with weights learnt on ImageNet.

Any image size and channel count: the last pooling is global. Taps are the outputs of the four stages after the final ReLU.
"""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel, image_shape, pooled
from altool.models.pretrained import imagenet_state


def conv3x3(c_in: int, c_out: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c_in, c_out, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions of the given dilations with batch norm, and a 1×1 shortcut where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int, dilations: tuple[int, int] = (1, 1)):
        super().__init__()
        self.conv1 = conv3x3(c_in, c_out, stride, dilations[0])
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = conv3x3(c_out, c_out, dilation=dilations[1])
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
    `dropout` sits before each of the four stages (P2 4.2; B5). `stem` imagenet: 7×7 of stride 2 and max-pooling, with
    torchvision's initial weights. `pretrained` imagenet: weights learnt there, under a new head; grey images meet the sum
    of the stem's three colours."""

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        dropout: float = 0.0,
        stem: Literal["cifar", "imagenet"] = "cifar",
        pretrained: Literal["imagenet"] | None = None,
    ):
        super().__init__()
        channels = [width * 2**i for i in range(len(blocks))]
        c_image = image_shape(input_shape)[0]
        self.conv1 = conv3x3(c_image, width)
        self.pool = nn.Identity()
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(c_image, width, 7, stride=2, padding=3, bias=False)
            self.pool = nn.MaxPool2d(3, stride=2, padding=1)
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
        if stem == "imagenet":
            init_like_torchvision(self)
        if pretrained is not None:
            state = imagenet_state(tuple(blocks), width, stem, c_image)
            self.load_state_dict({**state, **self.head.state_dict(prefix="head.")})

    def forward(self, x: Tensor) -> Output:
        x = self.pool(F.relu(self.bn1(self.conv1(x))))
        taps: list[Tensor] = []
        for dropout, stage in zip(self.dropouts, self.stages, strict=True):
            x = stage(dropout(x))
            taps.append(x)
        embedding = pooled(x)
        return Output(self.head(embedding), embedding, tuple(taps))


def init_like_torchvision(model: nn.Module) -> None:
    """Kaiming-normal convolutions by fan-out; the head keeps torch's default."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
