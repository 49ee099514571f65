"""VaB-AL's probabilities against closed forms, where encoder and decoder are known, and against naive decoding."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm, spearmanr
from torch import Tensor

from altool.core.streams import Streams
from altool.models.class_vae import ClassVAE
from altool.models.vae import Posterior
from altool.strategies import _class_likelihood
from altool.strategies._class_likelihood import (
    absence,
    label_frequencies,
    losses_by_class,
    misclassification,
    sample,
    squared_errors,
)


def randomised(dtype: torch.dtype) -> ClassVAE:
    """A real one whose batch norms have seen something."""
    with Streams(1, 0).init("vae"):
        vae = ClassVAE([6, 9], n_classes=4, per_class=3, width=8)
        for _ in range(20):
            vae.decode(torch.randn(50, 12) * 2 + 0.5)
            vae.encode(torch.rand(50, 16))
    return vae.eval().requires_grad_(False).to(dtype)


def generator() -> torch.Generator:
    return Streams(2, 0).torch("draws")


def masked(z: Tensor, n: int, per_class: int) -> Tensor:
    z = z.clone()
    z[..., n * per_class : (n + 1) * per_class] = 0
    return z


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-5)])
def test_squared_errors_are_those_of_decoding_every_mask(dtype: torch.dtype, tolerance: float) -> None:
    vae = randomised(dtype)
    z = torch.randn(5, 7, 12, generator=generator()).to(dtype)
    features = torch.rand(7, 16, generator=generator()).to(dtype)
    got = squared_errors(vae, z, features)
    assert got.shape == (5, 7, 4)
    for n in range(4):
        for k in range(5):
            wanted = (vae.decode(masked(z[k], n, 3)) - features).square().sum(1)
            torch.testing.assert_close(got[k, :, n], wanted, rtol=tolerance, atol=0)


@pytest.mark.parametrize("scale", ["mean", "sum"])
@pytest.mark.parametrize(("sigma", "draws", "tolerance"), [(1e-12, 3, 1e-3), (0.7, 20_000, 0.1)])
def test_losses_of_a_known_density(known_vae, scale, sigma: float, draws: int, tolerance: float) -> None:
    vae = known_vae(sigma=sigma)
    x = torch.randn(5, 6, generator=generator())
    got = losses_by_class(vae, x, draws, scale, generator())
    wanted = vae.expected_losses(x.double().numpy(), scale)
    between_classes = np.ptp(wanted, axis=1).min()
    np.testing.assert_allclose(got, wanted, atol=tolerance * between_classes, rtol=0)


def test_draws_are_cut_to_a_bounded_number_of_rows(known_vae, monkeypatch: pytest.MonkeyPatch) -> None:
    vae, sizes = known_vae(sigma=1e-12), []

    def spied(vae: ClassVAE, z: Tensor, features: Tensor, precision: str) -> Tensor:
        sizes.append(len(z))
        return squared_errors(vae, z, features, precision)

    x = torch.randn(5, 6, generator=generator())
    whole = losses_by_class(vae, x, 10, "mean", generator())
    monkeypatch.setattr(_class_likelihood, "squared_errors", spied)
    for rows, wanted in ((60, [4, 4, 2]), (1, [1] * 10), (10_000, [10])):
        monkeypatch.setattr(_class_likelihood, "ROWS", rows)
        torch.testing.assert_close(losses_by_class(vae, x, 10, "mean", generator()), whole)
        assert sizes == wanted
        sizes.clear()


def chance_of_label_0(x: np.ndarray, sigma: float) -> np.ndarray:
    """P(z₀² < z₁²) of two independent normals: u = z₀ − z₁ and v = z₀ + z₁ are independent, and u·v must be negative."""
    u, v = (x[:, 0] + side * x[:, 1] for side in (-1, 1))
    below_u, below_v = norm.cdf(-u / (sigma * 2**0.5)), norm.cdf(-v / (sigma * 2**0.5))
    return below_u * (1 - below_v) + (1 - below_u) * below_v


@pytest.mark.parametrize("kind", ["square", "absolute"])
def test_frequencies_of_a_known_posterior(known_vae, kind) -> None:
    vae = known_vae(n_classes=2, per_class=1, sigma=0.5)
    x = torch.randn(40, 2, generator=generator())
    labels = torch.arange(40) % 2
    draws = 2000
    said, right = label_frequencies(vae, x, labels, draws, kind, generator())
    p = chance_of_label_0(x.double().numpy(), 0.5)
    p = np.stack([p, 1 - p], 1)
    is_label = np.eye(2)[labels.numpy()]
    assert said.sum() == 40 * draws
    np.testing.assert_allclose(said / draws, p.sum(0), rtol=0.02)
    np.testing.assert_allclose(right / draws, (p * is_label).sum(0), rtol=0.02)


def test_frequencies_by_hand(known_vae) -> None:
    """Three items without noise, labelled 2, 1, 0 by the VAE; the truth is 2, 0, 0."""
    vae = known_vae(per_class=1)
    x = torch.tensor([[3.0, 2, 1], [5, -1, 2], [0.5, 1, -2]])
    said, right = label_frequencies(vae, x, torch.tensor([2, 0, 0]), 10, "square", generator())
    assert said.tolist() == [10, 10, 10] and right.tolist() == [10, 0, 10]


def test_absence_by_hand(known_vae) -> None:
    """P2 Table 2. The sigmoid sees signs, the others do not."""
    vae = known_vae()
    z = torch.tensor([[1.0, -2.0, 0.0, 3.0, -1.0, -1.0]])
    assert absence(z, vae, "square").tolist() == [[5, 9, 2]]
    assert absence(z, vae, "absolute").tolist() == [[3, 3, 2]]
    sigmoids = [1 / (1 + math.exp(-v)) for v in z[0].tolist()]
    wanted = [sigmoids[0] + sigmoids[1], sigmoids[2] + sigmoids[3], sigmoids[4] + sigmoids[5]]
    assert absence(z, vae, "sigmoid")[0].tolist() == pytest.approx(wanted)


def test_samples_have_the_posteriors_moments() -> None:
    posterior = Posterior(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9.0)]]))
    z = sample(posterior, 20_000, generator())
    assert z.shape == (20_000, 1, 2)
    np.testing.assert_allclose(z.mean((0, 1)), [1, -2], atol=0.1)
    np.testing.assert_allclose(z.std((0, 1)), [1, 3], rtol=0.03)


LOSSES = torch.tensor([[0.2, 1.0, 3.0], [2.0, 0.1, 0.5]])
PRIOR, DIFFICULTY = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.9, 0.4, 0.7])


def test_misclassification_by_hand() -> None:
    for row, losses in enumerate(LOSSES.tolist()):
        likelihoods = [math.exp(-loss) for loss in losses]
        joint = [x * p for x, p in zip(likelihoods, PRIOR.tolist(), strict=True)]
        right = sum(d * j for d, j in zip(DIFFICULTY.tolist(), joint, strict=True))
        plain = misclassification(LOSSES, DIFFICULTY, PRIOR, False)[row].item()
        assert plain == pytest.approx(1 - right, rel=1e-6)
        printed = misclassification(LOSSES, DIFFICULTY, PRIOR, True)[row].item()
        assert printed == pytest.approx(1 - right / sum(joint), rel=1e-6)


def test_eq_5_says_nothing_where_all_predictions_are_right() -> None:
    """p(y|ŷ) = 1 makes it 0 for everything (V1), even of likelihoods that float32 does not hold; the sum does not."""
    ones = torch.ones(3)
    for losses in (LOSSES, LOSSES * 400):
        torch.testing.assert_close(misclassification(losses, ones, PRIOR, True), torch.zeros(2))
    torch.testing.assert_close(  # nor does a class that was never predicted matter
        misclassification(LOSSES, ones, torch.tensor([0.6, 0.4, 0.0]), True), torch.zeros(2)
    )
    assert misclassification(LOSSES, ones, PRIOR, False).min() > 0.3


def test_bf16_is_that_of_rounded_hidden_layers() -> None:
    """Those alone are in bfloat16, so that no digits cancel in the squared error."""
    vae, x = randomised(torch.float32), torch.rand(300, 16, generator=generator())
    fp32, bf16 = (
        losses_by_class(vae, x, 3, "mean", generator(), precision) for precision in ("fp32", "bf16")
    )
    assert not torch.equal(bf16, fp32)
    torch.testing.assert_close(bf16, fp32, rtol=2e-2, atol=0)
    assert spearmanr(bf16[:, 0], fp32[:, 0]).statistic > 0.999  # type: ignore[attr-defined]
