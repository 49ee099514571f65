"""What every task model returns."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from altool.core.errors import UserError


class Output(NamedTuple):
    """`logits` (B, C); `embedding` (B, D), the input of the last layer; `taps`: 1 to 4 named intermediate outputs, each
    (B, channels, H, W) or (B, width), on which loss prediction and VaB-AL build."""

    logits: Tensor
    embedding: Tensor
    taps: tuple[Tensor, ...]


class TaskModel(nn.Module):
    """Base of the task models: `forward(images) -> Output`."""

    embedding_width: int
    tap_channels: tuple[int, ...]


def pooled(tap: Tensor) -> Tensor:
    """Global average over the image plane, (B, channels); vectors pass through. Works for any size (D18)."""
    return tap.mean(dim=(2, 3)) if tap.ndim == 4 else tap


def image_shape(input_shape: Sequence[int]) -> tuple[int, int, int]:
    """(channels, height, width) of `input_shape`. Raises UserError for points."""
    if len(input_shape) != 3:
        raise UserError(
            f"a convolutional learner takes images, but an item of this dataset has {input_shape[0]} numbers: "
            "type learner=mlp."
        )
    channels, height, width = input_shape
    return channels, height, width
