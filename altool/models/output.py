"""What every task model returns."""

from typing import NamedTuple

from torch import Tensor, nn


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
