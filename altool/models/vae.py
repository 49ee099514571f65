"""The auto-encoder of VAAL (Sinha et al. 2019) and TA-VAAL, with an optional rank channel into the decoder.

Exact for 32×32 and 28×28 (facts.md 1.1.1: 22,851,523 and 15,408,825 parameters with the rank); the same pattern with fewer
or more halvings for 8, 16 and 64; a small MLP for points (T26). Other sizes are resized to 32 by the strategy (T23, T24).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

SIDES = {8: 2, 16: 3, 28: 4, 32: 4, 64: 5}  # image side → number of halvings down to 2×2


class Posterior(NamedTuple):
    """Mean and log-variance of q(z|x), each (B, Z)."""

    mu: Tensor
    logvar: Tensor


class BatchNorm(nn.BatchNorm2d):
    """Inside `apart`, parts of a batch are normalised each by its own statistics, in their order, as if they came alone."""

    sizes: tuple[int, ...] | None = None

    def forward(self, input: Tensor) -> Tensor:
        if self.sizes is None or len(self.sizes) < 2:
            return super().forward(input)
        return torch.cat([super(BatchNorm, self).forward(part) for part in input.split(self.sizes)])


@contextmanager
def apart(network: nn.Module, sizes: tuple[int, ...]) -> Iterator[None]:
    """Inside, a batch that holds parts of these sizes goes through `network` in one pass, and each part as if alone."""
    norms = [module for module in network.modules() if isinstance(module, BatchNorm)]
    for norm in norms:
        norm.sizes = sizes
    try:
        yield
    finally:
        for norm in norms:
            norm.sizes = None


class VAE(nn.Module):
    """`encode(x)` gives the posterior; `decode(z, rank)` the reconstruction. `rank`: (B,) or None, as built.
    `code`: latent dimensions that the decoder gets, all of them unless told otherwise."""

    encoder: nn.Module
    decoder: nn.Module

    def __init__(
        self,
        input_shape: Sequence[int],
        latent: int,
        width: int = 128,
        ranked: bool = False,
        code: int | None = None,
    ):
        super().__init__()
        self.ranked = ranked
        decoded = (code or latent) + ranked
        if len(input_shape) == 1:
            features = self._points(input_shape[0], decoded)
        else:
            features = self._images(input_shape, decoded, width)
        self.fc_mu = nn.Linear(features, latent)
        self.fc_logvar = nn.Linear(features, latent)
        for part in (self.encoder, self.decoder):
            init_kaiming(part)

    def encode(self, x: Tensor) -> Posterior:
        features = self.encoder(x)
        return Posterior(self.fc_mu(features), self.fc_logvar(features))

    def mean(self, x: Tensor) -> Tensor:
        """The posterior mean alone, (B, Z): all that the discriminator sees."""
        return self.fc_mu(self.encoder(x))

    def decode(self, z: Tensor, rank: Tensor | None = None) -> Tensor:
        if self.ranked:
            assert rank is not None
            z = torch.cat([z, rank[:, None].to(z.dtype)], dim=1)  # the rank comes last (facts.md 1.1.1)
        return self.decoder(z)

    def _points(self, d: int, code: int, hidden: int = 32) -> int:
        self.encoder = nn.Sequential(nn.Linear(d, hidden), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, d))
        return hidden

    def _images(self, input_shape: Sequence[int], code: int, width: int) -> int:
        channels, height, side = input_shape
        if height != side or side not in SIDES:
            raise ValueError(f"a VAE takes square images of {sorted(SIDES)} pixels, not {height}×{side}")
        halvings = SIDES[side]
        odd = 3 if side == 28 else 4  # 28 → 14 → 7 → 3 → 2 and back 4 → 7 → 14 → 28
        widths = [width * 2 ** min(i, 3) for i in range(halvings)]
        down: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise([channels, *widths])):
            kernel = odd if i == halvings - 1 else 4
            down += [nn.Conv2d(a, b, kernel, 2, 1, bias=False), BatchNorm(b), nn.ReLU(True)]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        up: list[nn.Module] = [
            nn.Linear(code, widths[-1] * 16),
            nn.Unflatten(1, (widths[-1], 4, 4)),
        ]
        back = widths[::-1]
        for i, (a, b) in enumerate(pairwise(back)):
            kernel = odd if i == 0 else 4
            up += [
                nn.ConvTranspose2d(a, b, kernel, 2, 1, bias=False),
                BatchNorm(b),
                nn.ReLU(True),
            ]
        self.decoder = nn.Sequential(*up, nn.ConvTranspose2d(back[-1], channels, 1))
        return widths[-1] * 4


def init_kaiming(part: nn.Module) -> None:
    """Kaiming-normal weights and zero biases for linear and convolution layers. Transposed convolutions keep torch's
    default, as in the released code (facts.md 1.1.1)."""
    for module in part.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
