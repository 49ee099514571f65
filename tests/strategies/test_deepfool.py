"""DeepFool: exact where the model is linear, near the true distance where it is not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from altool.core.errors import UserError
from altool.strategies._deepfool import MARGIN, DeepFool

Logits = Callable[[Tensor], Tensor]
BEYOND = 1.02


def linear(classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Logits]:
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(classes, 8)), rng.normal(size=classes)
    return weight, bias, lambda x: x.flatten(1) @ torch.tensor(weight).T + torch.tensor(bias)


def curved(seed: int, classes: int = 3) -> Logits:
    rng = np.random.default_rng(seed)
    a, b, c = (torch.tensor(rng.normal(size=s)) for s in ((2, 16), (16,), (16, classes)))
    return lambda x: (x.flatten(1) @ a + b).tanh() @ c


def points(n: int, *shape: int, seed: int = 1) -> Tensor:
    return torch.tensor(np.random.default_rng(seed).normal(size=(n, *shape)))


@pytest.mark.parametrize("classes", [2, 3, 5, 12])
@pytest.mark.parametrize("tried", [2, 3, 10])
def test_a_linear_models_nearest_hyperplane(classes: int, tried: int) -> None:
    """min over k of |f_k − f_0| / ‖w_k − w_0‖ of the `tried` highest classes, straight across, and just beyond."""
    weight, bias, logits = linear(classes)
    images = points(50, 2, 2, 2)
    perturbation, fooled = DeepFool(classes=tried).perturbation(logits, images)
    assert fooled.all()
    for x, moved in zip(images.flatten(1).numpy(), perturbation.flatten(1).numpy(), strict=True):
        f = weight @ x + bias
        ranked = np.argsort(-f)
        rivals = ranked[1:tried]
        across = weight[rivals] - weight[ranked[0]]
        lengths = np.linalg.norm(across, axis=1)
        distances = (f[ranked[0]] - f[rivals]) / lengths
        k = distances.argmin()
        wanted = BEYOND * (distances[k] + MARGIN) * across[k] / lengths[k]
        np.testing.assert_allclose(moved, wanted, atol=1e-12)
        assert (weight @ (x + moved) + bias).argmax() != ranked[0]


def test_overshoot_is_relative() -> None:
    _, _, logits = linear(4)
    images = points(20, 8)
    lengths = [DeepFool(overshoot=o).perturbation(logits, images)[0].norm(dim=1) for o in (0.0, 0.02, 0.5)]
    torch.testing.assert_close(lengths[1], lengths[0] * 1.02)
    torch.testing.assert_close(lengths[2], lengths[0] * 1.5)


GRID = 0.02


def true_distances(logits: Logits, images: Tensor, reach: float = 6.0) -> np.ndarray:
    """Of points in the plane to the nearest other prediction, by looking everywhere around."""
    angles = torch.linspace(0, 2 * np.pi, 181, dtype=torch.float64)[:-1]
    radii = torch.arange(GRID, reach, GRID, dtype=torch.float64)
    compass = torch.stack([angles.cos(), angles.sin()], 1)
    around = (radii[:, None, None] * compass).view(-1, 2)
    nearest = []
    for x in images:
        changed = (logits(x + around).argmax(1) != logits(x[None]).argmax(1)).view(len(radii), -1).any(1)
        nearest.append(radii[changed.nonzero()[0, 0]].item() if changed.any() else np.inf)
    return np.array(nearest)


def test_a_curved_model_is_fooled_from_not_much_too_far() -> None:
    """Never from nearer than the true distance; within 2.5 times of it for each point, 1.1 for most."""
    found, true = [], []
    for seed in range(3):
        logits, images = curved(seed), points(12, 2, seed=seed)
        perturbation, fooled = DeepFool().perturbation(logits, images)
        assert fooled.all()
        assert (logits(images + perturbation).argmax(1) != logits(images).argmax(1)).all()
        found.append(perturbation.norm(dim=1).numpy())
        true.append(true_distances(logits, images))
    lengths, distances = np.concatenate(found), np.concatenate(true)
    assert (lengths > distances * np.cos(np.pi / 180) - GRID).all()
    assert (lengths < 2.5 * distances).all() and np.median(lengths / distances) < 1.1


@pytest.mark.parametrize("iterations", [1, 2, 50])
def test_a_batch_is_what_its_items_are(iterations: int) -> None:
    logits, images = curved(5, classes=6), points(25, 1, 1, 2, seed=2)
    attack = DeepFool(iterations)
    together, fooled = attack.perturbation(logits, images)
    for n in range(len(images)):
        alone, alone_fooled = attack.perturbation(logits, images[n : n + 1])
        torch.testing.assert_close(alone[0], together[n], rtol=1e-9, atol=1e-12)
        assert alone_fooled[0] == fooled[n]
    assert torch.equal(fooled, logits(images + together).argmax(1) != logits(images).argmax(1))
    assert bool(fooled.all()) == (iterations == 50) and fooled.any()


def test_only_what_is_not_fooled_yet_is_looked_at_again() -> None:
    sizes: list[int] = []
    inner = curved(5, classes=6)

    def logits(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return inner(x)

    DeepFool().perturbation(logits, points(25, 2, seed=2))
    assert sizes[:2] == [25, 25] and sizes == sorted(sizes, reverse=True)
    assert sizes[2] == 25 and sizes[3] < 25  # after the first step, those it did not fool
    assert len(sizes) < 12


def test_where_nothing_pulls_nothing_moves() -> None:
    """Constant around some items: not fooled, not moved, and the others are as without them."""

    def logits(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0].clamp(max=5), -x[:, 0].clamp(max=5)], 1)

    perturbation, fooled = DeepFool().perturbation(logits, torch.tensor([[9.0, 1.0], [2.0, 0.0]]))
    assert fooled.tolist() == [False, True]
    assert perturbation[0].tolist() == [0, 0]
    assert perturbation[1].tolist() == pytest.approx([-BEYOND * (2 + MARGIN), 0])


@pytest.mark.parametrize("options", [{"iterations": 0}, {"overshoot": -0.1}, {"classes": 1}])
def test_bad_options(options) -> None:
    with pytest.raises(UserError, match=r"strategy\.max_iterations and classes"):
        DeepFool(**options)
