"""Contexts made by hand: what a strategy would be told of a small pool. An auto-encoder that can be worked out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from altool.core.strategy import Context, Diagnostics
from altool.core.streams import Streams
from altool.models.class_vae import ClassVAE
from altool.models.vae import Posterior


@pytest.fixture(scope="session")
def context_of() -> Callable[..., Context]:
    """`context_of(items, labelled=…, candidates=…, probed={want: a value per dataset index})`."""

    def build(
        items: Tensor,
        labelled: list[int],
        candidates: list[int] | None = None,
        probed: dict[str, Tensor] | None = None,
        streams: Streams | None = None,
        **more: Any,
    ) -> Context:
        unlabelled = np.setdiff1d(np.arange(len(items)), labelled)
        known = probed or {}

        def probe(indices: np.ndarray, wants: list[str], reduce: Any = None) -> dict[str, Tensor]:
            found = {want: known[want][torch.as_tensor(indices)] for want in wants}
            return reduce(found) if reduce else found

        fields: dict[str, Any] = {
            "stage": 1,
            "candidates": unlabelled if candidates is None else np.array(candidates),
            "unlabelled": unlabelled,
            "labelled": np.array(labelled),
            "labels": np.zeros(len(labelled), np.int64),
            "n_classes": 2,
            "image_shape": tuple(items.shape[1:]),
            "tap_channels": (),
            "probe": probe,
            "images": lambda indices: items[torch.as_tensor(np.asarray(indices))],
            "logits": None,
            "trained": {},
            "streams": streams or Streams(0, 1),
            "device": torch.device("cpu"),
            "precision": "fp32",
            "diagnostics": Diagnostics(),
        }
        return Context(**(fields | more))

    return build


class KnownVAE(ClassVAE):
    """q(z|x) has mean x and one standard deviation; the decoder is linear."""

    def __init__(self, n_classes: int, per_class: int, sigma: float):
        super().__init__([n_classes * per_class], n_classes, per_class, width=n_classes * per_class)
        self.features, self.hidden = nn.Identity(), nn.Identity()  # type: ignore[assignment]
        self.sigma = sigma

    def encode(self, features_B_D: Tensor) -> Posterior:
        return Posterior(features_B_D, torch.full_like(features_B_D, 2 * math.log(self.sigma)))

    def expected_losses(self, x: np.ndarray, scale: str) -> np.ndarray:
        """By hand, (B, C): E‖W(μ + σε)ₘ + b − x‖² = ‖Wμₘ + b − x‖² + σ²‖Wₘ‖², and the KL of two normals."""
        values = {name: value.double().numpy() for name, value in self.state_dict().items()}
        w = values["last.weight"] @ values["first.weight"]
        b = values["last.weight"] @ values["first.bias"] + values["last.bias"]
        kl = (x**2 + self.sigma**2 - 1 - 2 * math.log(self.sigma)) / 2
        columns = []
        for n in range(self.n_classes):
            keep = np.repeat(np.arange(self.n_classes) != n, self.per_class)
            errors = ((x * keep) @ w.T + b - x) ** 2
            columns.append(errors.sum(1) + self.sigma**2 * (w[:, keep] ** 2).sum())
        total = np.stack(columns, 1)
        if scale == "mean":
            return total / x.shape[1] + kl.mean(1, keepdims=True)
        return total / 2 + kl.sum(1, keepdims=True)


@pytest.fixture(scope="session")
def known_vae() -> Callable[..., KnownVAE]:
    def make(n_classes: int = 3, per_class: int = 2, sigma: float = 1e-12) -> KnownVAE:
        with Streams(0, 0).init("known"):
            vae = KnownVAE(n_classes, per_class, sigma).eval().requires_grad_(False)
        vae.first.weight *= 3
        return vae

    return make
