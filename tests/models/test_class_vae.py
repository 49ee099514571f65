"""The auto-encoder of VaB-AL: its size, its latent groups, its features."""

import pytest
import torch

from altool.core.streams import Streams
from altool.models.class_vae import ClassVAE, FeatureOrder, TapFeatures

RESNET18 = [64, 128, 256, 512]
UNUSED = 2 * 512  # the released code builds a batch norm of 512 and never uses it (facts.md 1.5.1)


@pytest.mark.parametrize(("n_classes", "released"), [(10, 363_464), (100, 710_864)])
def test_parameters_are_the_released_codes(n_classes: int, released: int) -> None:
    vae = ClassVAE(RESNET18, n_classes, order="linear_relu_norm")
    assert sum(values.numel() for values in vae.parameters()) == released - UNUSED


def test_shapes() -> None:
    vae = ClassVAE([3, 5], n_classes=4, per_class=6, width=7).eval()
    features = vae.features(torch.zeros(2, 8))
    mu, logvar = vae.encode(features)
    assert features.shape == (2, 14) and mu.shape == logvar.shape == (2, 24)
    assert vae.decode(mu).shape == (2, 14)


def test_class_n_owns_its_dimensions() -> None:
    """Dimensions per_class · n onwards; masking sets them, and no others, to zero."""
    vae = ClassVAE([3], n_classes=3, per_class=2, width=4)
    z = torch.arange(1.0, 13.0).view(2, 6)
    assert vae.groups(z).tolist() == [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]
    masked = vae.mask(z, torch.tensor([1, 2]))
    assert masked.tolist() == [[1, 2, 0, 0, 5, 6], [7, 8, 9, 10, 0, 0]]


@pytest.mark.parametrize("order", ["norm_linear_sigmoid", "linear_relu_norm"])
def test_features_in_either_order(order: FeatureOrder) -> None:
    """V8, against numbers: every tap by itself, batch statistics while training."""
    with Streams(0, 0).init("features"):
        features = TapFeatures([2, 3], width=4, order=order)
    taps = torch.randn(6, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1

    def normal(x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()

    wanted = []
    for tap, linear in zip((taps[:, :2], taps[:, 2:]), features.linear, strict=True):
        w, b = (values.detach() for values in linear.parameters())
        if order == "norm_linear_sigmoid":
            wanted.append(1 / (1 + (-(normal(tap) @ w.T + b)).exp()))
        else:
            wanted.append(normal((tap @ w.T + b).clamp(min=0)))
    torch.testing.assert_close(features(taps), torch.cat(wanted, 1), rtol=1e-4, atol=1e-5)
