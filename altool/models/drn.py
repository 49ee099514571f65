"""Dilated residual networks of type D (Yu, Koltun & Funkhouser 2017; facts.md 1.7): a class score for every pixel.

After three halvings dilation takes the place of stride, so that the map stays at an eighth of the image: the first
convolution of such a group keeps the dilation of the group before, since nothing was skipped ahead of it, and the others
double it. Two plain groups without shortcuts, of falling dilation, then smooth away the grid that dilation leaves (the
paper's section 4). D-22: two blocks in each of the four residual groups, 15.9 million weights.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.dropout import Dropout
from altool.models.output import Output, TaskModel, image_shape, pooled
from altool.models.resnet import BasicBlock, conv3x3, init_like_torchvision

STRIDES = (2, 2, 1, 1)  # of the residual groups, after a stride of 2 in the stem
DILATIONS = (1, 1, 2, 4)
SMOOTHING = (2, 1)  # dilations of the two plain groups


class DRN(TaskModel):
    """`stem`: channels of the 7×7 convolution and of the two after it; `channels`: of the residual groups, which are the
    taps (T24: layers 3 to 6); `blocks` in each. `dropout` sits before each residual group, as in the ResNets (P2 4.2; B5).
    The embedding is the last map, globally averaged. Logits are interpolated to the size of the image, (B, C, H, W)."""

    dense: ClassVar[bool] = True

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        stem: Sequence[int] = (16, 16, 32),
        channels: Sequence[int] = (64, 128, 256, 512),
        blocks: Sequence[int] = (2, 2, 2, 2),
        dropout: float = 0.0,
    ):
        super().__init__()
        c_image, c_out = image_shape(input_shape)[0], channels[-1]
        self.stem = nn.Sequential(
            _plain(nn.Conv2d(c_image, stem[0], 7, padding=3, bias=False)),
            _plain(conv3x3(stem[0], stem[1])),
            _plain(conv3x3(stem[1], stem[2], stride=2)),
        )
        self.dropouts = nn.ModuleList(Dropout(dropout) for _ in channels)
        inputs = (stem[2], *channels[:-1])
        groups = zip(inputs, channels, blocks, STRIDES, DILATIONS, strict=True)
        self.stages = nn.ModuleList(_group(*group) for group in groups)
        self.smoothing = nn.Sequential(*(_plain(conv3x3(c_out, c_out, dilation=d)) for d in SMOOTHING))
        self.head = nn.Conv2d(c_out, n_classes, 1)
        self.embedding_width = c_out
        self.tap_channels = tuple(channels)
        init_like_torchvision(self)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Output:
        size = x.shape[2:]
        x = self.stem(x)
        taps: list[Tensor] = []
        for dropout, stage in zip(self.dropouts, self.stages, strict=True):
            x = stage(dropout(x))
            taps.append(x)
        x = self.smoothing(x)
        logits = F.interpolate(self.head(x), size, mode="bilinear")
        return Output(logits, pooled(x), tuple(taps))


def _plain(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(True))


def _group(c_in: int, c_out: int, n_blocks: int, stride: int, dilation: int) -> nn.Sequential:
    first = BasicBlock(c_in, c_out, stride, (max(1, dilation // 2), dilation))
    return nn.Sequential(
        first, *(BasicBlock(c_out, c_out, 1, (dilation, dilation)) for _ in range(n_blocks - 1))
    )
