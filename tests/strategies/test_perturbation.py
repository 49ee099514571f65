"""The virtual adversarial perturbation where the worst one is known: models that are linear in their input."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, rel_entr
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies._perturbation import Perturbation, norms, unit

N, D, C = 12, 6, 4


def linear(seed: int, classes: int = C, scale: float = 1.0) -> tuple[np.ndarray, Callable[[Tensor], Tensor]]:
    weight = np.random.default_rng(seed).normal(size=(classes, D)) * scale
    as_float32 = torch.tensor(weight, dtype=torch.float32)
    return weight, lambda x: x.flatten(1) @ as_float32.T


def randoms(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def hessians(weight: np.ndarray, images: Tensor) -> np.ndarray:
    """Of KL(p(x) ‖ p(x + r)) in r at 0: Wᵀ (diag p − p pᵀ) W, in float64."""
    logits = images.double().numpy() @ weight.T
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.array([weight.T @ (np.diag(p) - np.outer(p, p)) @ weight for p in probs])


@pytest.mark.parametrize("symmetric", [False, True])
def test_direction_and_value_in_the_limit_of_small_steps(symmetric: bool) -> None:
    """The Hessian's leading eigenvector, and half ε² times its eigenvalue; both halves of a symmetric distance agree."""
    weight, logits = linear(0)
    images = randoms(1, N, D) * 0.5
    options = Perturbation(epsilon=0.02, iterations=60, symmetric=symmetric)
    clean = logits(images)
    r = options.adversarial(logits, images, clean, randoms(2, N, D))
    np.testing.assert_allclose(norms(r), 0.02, rtol=1e-5)
    values, vectors = np.linalg.eigh(hessians(weight, images))
    cosines = np.abs(np.einsum("nd,nd->n", r.double().numpy() / 0.02, vectors[:, :, -1]))
    assert cosines.min() > 0.995
    wanted = 0.5 * 0.02**2 * values[:, -1] * (1 + symmetric)
    np.testing.assert_allclose(options.divergence(clean, logits(images + r)), wanted, rtol=0.05)


def test_every_iteration_comes_nearer() -> None:
    """Power iteration never lowers the Rayleigh quotient; none leaves the start."""
    weight, logits = linear(3)
    images, start = randoms(4, N, D) * 0.5, randoms(5, N, D)
    hessian = hessians(weight, images)
    quotients = []
    for iterations in range(7):
        r = Perturbation(1.0, iterations=iterations).adversarial(logits, images, logits(images), start)
        if not iterations:
            np.testing.assert_allclose(r, start / start.norm(dim=1, keepdim=True), atol=1e-6)
        quotients.append(np.einsum("nd,nde,ne->n", r.double(), hessian, r.double()))
    gains = np.diff(quotients, axis=0)
    assert gains.min() > -1e-3 and gains[0].min() > 0
    assert (np.array(quotients[-1]) / np.linalg.eigvalsh(hessian)[:, -1]).min() > 0.9


@pytest.mark.parametrize("iterations", [1, 5])
@pytest.mark.parametrize("epsilon", [0.1, 2.0])
def test_two_classes_are_moved_exactly_along_the_weights(iterations: int, epsilon: float) -> None:
    """Which way depends on the start; how far is a closed form."""
    weight, logits = linear(6, classes=2)
    images, start = randoms(7, N, D), randoms(8, N, D)
    options = Perturbation(epsilon, iterations=iterations)
    r = options.adversarial(logits, images, logits(images), start)
    across = weight[1] - weight[0]
    sign = np.sign(start.double().numpy() @ across)
    np.testing.assert_allclose(r, epsilon * sign[:, None] * across / np.linalg.norm(across), atol=2e-3)
    before = images.double().numpy() @ across
    p, q = expit(before), expit(before + sign * epsilon * np.linalg.norm(across))
    wanted = rel_entr(p, q) + rel_entr(1 - p, 1 - q)
    moved = options.divergence(logits(images), logits(images + r))
    np.testing.assert_allclose(moved, wanted, rtol=2e-3, atol=1e-5)


def test_the_default_step_survives_float32_and_the_published_does_not() -> None:
    """L2: one iteration is the Hessian times the start; with ξ = 1e-6 the logits' rounding shows."""
    weight, logits = linear(9)
    images, start = randoms(10, 60, D) * 0.5, randoms(11, 60, D)
    wanted = np.einsum("nde,ne->nd", hessians(weight, images), start.double().numpy())
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)

    def misses(xi: float) -> np.ndarray:
        r = Perturbation(1.0, xi, iterations=1).adversarial(logits, images, logits(images), start)
        return 1 - np.einsum("nd,nd->n", r.double().numpy(), wanted)

    assert misses(1e-2).max() < 1e-3
    assert misses(1e-6).max() > 1e-2


def test_a_small_gradient_is_enough_and_none_leaves_the_direction() -> None:
    """Where the net is sure, the gradient is ≈ 1e-27: its square is no float32, its direction is."""
    weight = randoms(12, D)

    def sure(x: Tensor) -> Tensor:
        return torch.stack([torch.zeros(len(x)), x.flatten(1) @ weight - 60], 1)

    def constant(x: Tensor) -> Tensor:
        return x.flatten(1)[:, :2] * 0 + torch.tensor([0.0, 3.0])

    images, start = randoms(13, N, 1, 2, 3) * 0.1, randoms(14, N, 1, 2, 3)
    r = Perturbation(2.0).adversarial(sure, images, sure(images), start).flatten(1)
    cosines = torch.cosine_similarity(r, weight.expand(N, D))
    torch.testing.assert_close(cosines.abs(), torch.ones(N), rtol=1e-3, atol=0)
    r = Perturbation(2.0).adversarial(constant, images, constant(images), start)
    torch.testing.assert_close(r, 2 * unit(start))


@pytest.mark.parametrize("exponent", [-44, -30, 0, 30])
def test_unit_is_of_length_one_whatever_it_was(exponent: int) -> None:
    vectors = torch.cat([randoms(15, 5, 1, 2, 3), torch.zeros(1, 1, 2, 3)]).double()
    scaled = (vectors * 10.0**exponent).float()
    wanted = vectors[:5] / vectors[:5].flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    tolerance = 0.6 if exponent == -44 else 1e-5  # a denormal has few digits left
    torch.testing.assert_close(unit(scaled)[:5].double(), wanted, rtol=tolerance, atol=tolerance)
    assert norms(unit(scaled)).tolist() == pytest.approx([1] * 5 + [0], abs=1e-5 if exponent > -44 else 0.5)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 0.9), st.booleans(), st.floats(0.1, 20), st.integers(0, 2**31))
def test_divergence_is_scipys(smoothing: float, symmetric: bool, scale: float, seed: int) -> None:
    a, b = (np.random.default_rng([seed, side]).normal(size=(5, C)) * scale for side in (0, 1))
    p, q = (np.exp(v - v.max(1, keepdims=True)) for v in (a, b))
    p, q = ((1 - smoothing) * v / v.sum(1, keepdims=True) + smoothing / C for v in (p, q))
    wanted = rel_entr(p, q).sum(1) + symmetric * rel_entr(q, p).sum(1)
    options = Perturbation(symmetric=symmetric, smoothing=smoothing)
    got = options.divergence(*(torch.tensor(v, dtype=torch.float32) for v in (a, b)))
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


def test_uniform_smoothing_bounds_the_divergence() -> None:
    """P3 III-A: without it the distance of two sure and opposite predictions is as large as the logits say."""
    a, b = torch.tensor([[0.0, 500.0]]), torch.tensor([[500.0, 0.0]])
    assert Perturbation().divergence(a, b).item() == pytest.approx(500)
    assert Perturbation(smoothing=0.02).divergence(a, b).item() == pytest.approx(0.98 * np.log(99), rel=1e-4)


def test_company_does_not_matter() -> None:
    _, logits = linear(16)
    images, start = randoms(17, N, D), randoms(18, N, D)
    together = Perturbation().adversarial(logits, images, logits(images), start)
    for n in range(N):
        one = images[n : n + 1]
        alone = Perturbation().adversarial(logits, one, logits(one), start[n : n + 1])
        torch.testing.assert_close(alone[0], together[n], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{"epsilon": 0}, {"xi": 0}, {"iterations": -1}, {"smoothing": 1.0}, {"smoothing": -0.1}]
)
def test_bad_options(options) -> None:
    with pytest.raises(UserError, match="must be positive"):
        Perturbation(**options)


@pytest.mark.parametrize(("shape", "length"), [((1, 28, 28), 2.0), ((1, 14, 14), 1.0), ((3, 32, 32), 3.959)])
def test_the_default_length_changes_each_input_as_much_as_on_mnist(shape, length: float) -> None:
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    r = Perturbation(iterations=0).adversarial(
        lambda x: x.flatten(1), images, images.flatten(1), images - 0.5
    )
    assert r.flatten(1).norm(dim=1).tolist() == pytest.approx([length] * 2, rel=1e-3)
