"""The auto-encoder of VaB-AL (P2 3.3, 3.4): on the classifier's pooled features, with latent dimensions per class."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from altool.models.vae import Posterior

FeatureOrder = Literal["norm_linear_sigmoid", "linear_relu_norm"]


class TapFeatures(nn.Module):
    """Each tap to `width` numbers, concatenated. P2: batch norm → linear → sigmoid; the released code: linear → ReLU →
    batch norm (V8)."""

    def __init__(self, tap_channels: Sequence[int], width: int, order: FeatureOrder):
        super().__init__()
        self.channels = list(tap_channels)
        self.order = order
        self.linear = nn.ModuleList(nn.Linear(c, width) for c in tap_channels)
        first = order == "norm_linear_sigmoid"
        self.norm = nn.ModuleList(nn.BatchNorm1d(c if first else width) for c in tap_channels)

    def forward(self, taps_B_T: Tensor) -> Tensor:
        parts = []
        for tap, linear, norm in zip(taps_B_T.split(self.channels, 1), self.linear, self.norm, strict=True):
            if self.order == "norm_linear_sigmoid":
                parts.append(linear(norm(tap)).sigmoid())
            else:
                parts.append(norm(linear(tap).relu()))
        return torch.cat(parts, 1)


def _block(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.BatchNorm1d(b))


class ClassVAE(nn.Module):
    """Four linear layers each way, 128 wide but for the latent of `per_class` dimensions for each of C classes.
    In the released order 362,440 parameters for 10 classes on ResNet-18's taps and 709,840 for 100: facts.md 1.5.1 counts
    1,024 more, of a batch norm that the released code builds and never uses."""

    def __init__(
        self,
        tap_channels: Sequence[int],
        n_classes: int,
        per_class: int = 10,
        width: int = 128,
        order: FeatureOrder = "norm_linear_sigmoid",
    ):
        super().__init__()
        self.n_classes, self.per_class = n_classes, per_class
        d, z = width * len(tap_channels), n_classes * per_class
        self.features = TapFeatures(tap_channels, width, order)
        self.encoder = nn.Sequential(*(_block(a, b) for a, b in pairwise([d, width, width, width])))
        self.fc_mu, self.fc_logvar = nn.Linear(width, z), nn.Linear(width, z)
        self.first = nn.Linear(z, width)  # linear in z, so that masking one class is a low-rank correction
        self.hidden = nn.Sequential(
            nn.ReLU(), nn.BatchNorm1d(width), _block(width, width), _block(width, width)
        )
        self.last = nn.Linear(width, d)

    def encode(self, features_B_D: Tensor) -> Posterior:
        hidden = self.encoder(features_B_D)
        return Posterior(self.fc_mu(hidden), self.fc_logvar(hidden))

    def decode(self, z_B_Z: Tensor) -> Tensor:
        return self.last(self.hidden(self.first(z_B_Z)))

    def mask(self, z_B_Z: Tensor, class_B: Tensor) -> Tensor:
        """z with the dimensions of each item's class at zero (P2 3.3, "masking")."""
        keep_B_C = 1 - F.one_hot(class_B, self.n_classes).to(z_B_Z)
        return z_B_Z * keep_B_C.repeat_interleave(self.per_class, 1)

    def groups(self, z: Tensor) -> Tensor:
        """z by class, (…, C, per_class)."""
        return z.unflatten(-1, (self.n_classes, self.per_class))
