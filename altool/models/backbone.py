"""Frozen backbones: what a linear learner sees of an image. Two of the three need no download.

pixels: the image averaged to at most 16×16, as it is. random_resnet: ResNet-18 as it was before any training, the averages
of its four stages; says something of textures. imagenet: the same net with torchvision's weights, its penultimate layer.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.errors import UserError, did_you_mean
from altool.core.streams import init_scope
from altool.models.output import pooled
from altool.models.resnet import ResNet

Backbone = Literal["pixels", "random_resnet", "imagenet"]
BACKBONES: tuple[str, ...] = get_args(Backbone)
VERSION = 1  # of the features; a change makes cached ones useless
PIXELS_SIDE = 16
RESNET18 = (2, 2, 2, 2)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what torchvision's weights were learnt with


class PixelFeatures(nn.Module):
    """(B, 3, H, W) or (B, 1, H, W) in 0..1 → (B, C·h·w) with h, w ≤ 16."""

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        return F.adaptive_avg_pool2d(images, (min(height, PIXELS_SIDE), min(width, PIXELS_SIDE))).flatten(1)


class ResNetFeatures(nn.Module):
    """Images in 0..1, grey or RGB → (B, 512) of a trained net, (B, 960) of an untrained one, whose early stages say more."""

    mean: Tensor
    std: Tensor

    def __init__(self, pretrained: bool):
        super().__init__()
        self.pretrained = pretrained
        with init_scope(0, "backbone"):
            self.net = ResNet(
                (3, 224, 224), 2, RESNET18, stem="imagenet", pretrained="imagenet" if pretrained else None
            )
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("std", torch.tensor(STD)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        output = self.net((images.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return output.embedding if self.pretrained else torch.cat([pooled(tap) for tap in output.taps], dim=1)


def make_backbone(name: str) -> nn.Module:
    """uint8 images scaled to 0..1 → features. In eval mode, frozen. Raises UserError for an unknown one, or where weights
    are missing."""
    if name not in BACKBONES:
        raise UserError(f"learner.backbone={name}: {did_you_mean(name, BACKBONES)}")
    backbone = PixelFeatures() if name == "pixels" else ResNetFeatures(name == "imagenet")
    return backbone.eval().requires_grad_(False)
