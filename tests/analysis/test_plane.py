"""Boundaries against known lines, distances and spreads against cases worked out by hand."""

import math

import numpy as np
import pytest

from altool.analysis import plane

X, Y = np.linspace(-1, 2, 65), np.linspace(-2, 1, 33)
SQUARE = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 3.0]])


def posterior(slope_x: float, slope_y: float, offset: float) -> np.ndarray:
    """Of two classes, linear over the plane."""
    probs = 0.5 + slope_x * X[None, :] + slope_y * Y[:, None] - offset
    return np.stack([1 - probs, probs], axis=-1)


@pytest.mark.parametrize("line", [(0.1, 0.0, 0.03), (0.0, 0.1, -0.05), (0.1, 0.05, 0.01)])
def test_the_boundary_lies_where_the_posterior_is_a_half(line):
    a, b, c = line
    (found,) = plane.boundary(X, Y, posterior(*line))
    assert len(found) >= 33
    assert a * found[:, 0] + b * found[:, 1] == pytest.approx(np.full(len(found), c), abs=1e-9)
    reach = abs(a * 0.7 + b * -0.4 - c) / math.hypot(a, b)
    assert plane.boundary_distances(np.array([[0.7, -0.4]]), [found]) == pytest.approx([reach])


def test_three_classes_have_a_line_between_each_two_neighbours():
    centres = np.array([-0.5, 0.5, 1.5])  # the nearest centre is the likeliest: lines at x = 0 and x = 1
    logits = -((X[None, :, None] - centres) ** 2) + 0 * Y[:, None, None]
    probs = np.exp(logits) / np.exp(logits).sum(2, keepdims=True)
    at = np.concatenate(plane.boundary(X, Y, probs))[:, 0]
    assert np.minimum(abs(at), abs(at - 1)).max() < 1e-3 and {0, 1} == set(at.round().tolist())
    near = plane.boundary_distances(np.array([[0.3, 0.0], [0.9, 0.9]]), plane.boundary(X, Y, probs))
    assert near == pytest.approx([0.3, 0.1], abs=1e-3)


def test_one_class_everywhere_has_no_boundary():
    nothing = plane.boundary(X, Y, posterior(0.0, 0.0, 0.2))
    assert nothing == [] and np.isnan(plane.boundary_distances(SQUARE, nothing)).all()


def test_distances_are_to_segments_not_to_their_corners():
    corner = [np.array([[0.0, 0.0], [0.0, 4.0], [4.0, 4.0]])]
    points = np.array([[3.0, 1.0], [5.0, 5.0], [0.0, 1.7]])
    np.testing.assert_allclose(plane.boundary_distances(points, corner), [3, math.sqrt(2), 0], atol=1e-12)


def test_spread_of_a_square():
    assert plane.pairwise_distance(SQUARE) == pytest.approx((4 * 3 + 2 * 3 * math.sqrt(2)) / 6)
    assert plane.nearest_distance(SQUARE) == pytest.approx(3)
    pairs = np.concatenate([SQUARE, SQUARE + np.array([0.0, 0.5])])  # as far apart, and clustered
    assert plane.nearest_distance(pairs) == pytest.approx(0.5)
    assert plane.nearest_distance(np.array([[0, 0], [0, 1], [0, 4.0]])) == pytest.approx(5 / 3)
    assert math.isnan(plane.pairwise_distance(SQUARE[:1])) and math.isnan(plane.nearest_distance(SQUARE[:1]))
