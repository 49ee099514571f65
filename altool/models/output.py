"""What every task model returns."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from altool.core.errors import UserError
from altool.core.maps import IGNORED


class Output(NamedTuple):
    """`logits` (B, C), of a dense model (B, C, H, W); `embedding` (B, D), the input of the last layer, of a dense model its
    average; `taps`: 1 to 4 named intermediate outputs, each (B, channels, H, W) or (B, width), on which loss prediction
    and VaB-AL build."""

    logits: Tensor
    embedding: Tensor
    taps: tuple[Tensor, ...]


class TaskModel(nn.Module):
    """Base of the task models: `forward(images) -> Output`. `dense`: whether every pixel gets a class."""

    dense: ClassVar[bool] = False
    embedding_width: int
    tap_channels: tuple[int, ...]


def pooled(tap: Tensor) -> Tensor:
    """Global average over the image plane, (B, channels); vectors pass through. Works for any size (D18)."""
    return tap.mean(dim=(2, 3)) if tap.ndim == 4 else tap


def item_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each item, nats, (B,). Logits (B, C) with classes (B,); or (B, C, H, W) with maps (B, H, W), of which
    pixels of class IGNORED count for nothing and the others equally (T24); 0 where an item has no other."""
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels, reduction="none")
    losses = F.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORED)
    return losses.flatten(1).sum(1) / (labels != IGNORED).flatten(1).sum(1).clamp(min=1)


def image_shape(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """(channels, height, width) of `input_shape`. Raises UserError for points."""
    if len(input_shape) != 3:
        raise UserError(
            f"a convolutional learner takes images, but an item of this dataset has {input_shape[0]} numbers: "
            "type learner=mlp, or learner.backbone=null if they are frozen features."
        )
    channels, height, width = input_shape
    return channels, height, width
