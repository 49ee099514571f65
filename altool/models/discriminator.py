"""The discriminator of VAAL and TA-VAAL: an MLP on the posterior mean, with the rank beside it in TA-VAAL."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from altool.models.vae import init_kaiming


class Discriminator(nn.Module):
    """Logit that an item is labelled, (B,). Two hidden layers are the released code's (D11, T13)."""

    def __init__(self, latent: int, ranked: bool = False, hidden: Sequence[int] = (512, 512)):
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise([latent + ranked, *hidden]):
            layers += [nn.Linear(a, b), nn.ReLU(True)]
        self.ranked = ranked
        self.net = nn.Sequential(*layers, nn.Linear(hidden[-1], 1))
        init_kaiming(self.net)

    def forward(self, mu: Tensor, rank: Tensor | None = None) -> Tensor:
        if self.ranked:
            assert rank is not None
            mu = torch.cat([mu, rank[:, None].to(mu.dtype)], dim=1)
        return self.net(mu).squeeze(1)
