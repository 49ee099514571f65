"""The loss prediction module of learning loss (Yoo & Kweon 2019), which TA-VAAL calls the Ranker (facts.md 1.1.1)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.output import pooled


class LossNet(nn.Module):
    """Per tap: global average → linear to `width` → ReLU; all concatenated → linear to one number, no activation."""

    def __init__(self, tap_channels: Sequence[int], width: int = 128):
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(channels, width) for channels in tap_channels)
        self.head = nn.Linear(width * len(tap_channels), 1)

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Predicted loss of each item, (B,)."""
        branches = [F.relu(f(pooled(t))) for f, t in zip(self.branches, taps, strict=True)]
        return self.head(torch.cat(branches, dim=1)).squeeze(1)


class PointRanker(nn.Module):
    """P1's Ranker for points: a single layer on the middle layer, the last tap (P1 4.1, T26)."""

    def __init__(self, tap_channels: Sequence[int]):
        super().__init__()
        self.head = nn.Linear(tap_channels[-1], 1)

    def forward(self, taps: Sequence[Tensor]) -> Tensor:
        """Predicted loss of each item, (B,)."""
        return self.head(pooled(taps[-1])).squeeze(1)
