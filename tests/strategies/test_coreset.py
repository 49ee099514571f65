"""Greedy k-center against brute force, and core-set on top of it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from altool.strategies import _kcenter
from altool.strategies._kcenter import k_center_greedy, nearest_squared
from altool.strategies.coreset import CoreSet


def assert_farthest_first(
    points: np.ndarray, centres: np.ndarray, picks: torch.Tensor, squares: torch.Tensor, slack: float
) -> None:
    """Every pick is, up to `slack` in squared distance, the farthest of those left, and says so."""
    left = cdist(points, centres, "sqeuclidean").min(1)
    assert len(set(picks.tolist())) == len(picks)
    for pick, square in zip(picks.tolist(), squares.tolist(), strict=True):
        assert left[pick] >= left.max() - slack
        assert abs(square - left[pick]) <= slack
        left = np.minimum(left, cdist(points, points[[pick]], "sqeuclidean")[:, 0])
        left[pick] = -np.inf


def brute_force(points: np.ndarray, centres: np.ndarray, n: int) -> tuple[list[int], list[float]]:
    left, picks, heights = cdist(points, centres).min(1), [], []
    for _ in range(n):
        picks.append(int(left.argmax()))
        heights.append(float(left.max()))
        left = np.minimum(left, cdist(points, points[picks[-1:]])[:, 0])
        left[picks] = -np.inf
    return picks, heights


grids = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=40)


@settings(max_examples=80, deadline=None)
@given(grids, st.integers(1, 5), st.sampled_from([torch.float32, torch.float64]), st.data())
def test_any_points_with_ties_and_duplicates(grid, n_centres: int, dtype: torch.dtype, data) -> None:
    points = np.array(grid) / 3 + 0.1
    centres = np.array(data.draw(st.lists(st.sampled_from(grid), min_size=n_centres, max_size=n_centres))) / 3
    n = data.draw(st.integers(1, len(points)))
    picks, heights = k_center_greedy(torch.tensor(points, dtype=dtype), torch.tensor(centres, dtype=dtype), n)
    slack = 5e-6 if dtype == torch.float32 else 1e-13
    assert_farthest_first(points, centres, picks, heights.double() ** 2, slack)


@pytest.mark.parametrize(("n_points", "n", "dim"), [(400, 5, 3), (400, 60, 3), (500, 40, 16), (300, 300, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_separated_points_give_brute_forces_picks(n_points: int, n: int, dim: int, dtype) -> None:
    rng = np.random.default_rng(n_points + n)
    points, centres = rng.normal(size=(n_points, dim)), rng.normal(size=(7, dim))
    points, centres = (torch.tensor(part, dtype=dtype) for part in (points, centres))
    picks, heights = k_center_greedy(points, centres, n)
    wanted, distances = brute_force(points.double().numpy(), centres.double().numpy(), n)
    if dtype == torch.float64:
        assert picks.tolist() == wanted
    assert_farthest_first(points.numpy(), centres.numpy(), picks, heights**2, slack=1e-4)
    np.testing.assert_allclose(heights.double(), distances, atol=1e-4)


def clusters() -> np.ndarray:
    """Tight clusters ever nearer to the origin: the farthest points are all one cluster, spent by its first pick."""
    rng = np.random.default_rng(1)
    angles = np.linspace(0, 5, 6)
    middles = np.stack([np.cos(angles), np.sin(angles)], 1) * np.linspace(100, 50, 6)[:, None]
    return np.concatenate([middle + rng.normal(size=(130, 2)) * 0.01 for middle in middles])


@pytest.mark.parametrize("n", [4, 12, 40])
def test_the_short_list_is_renewed_in_time(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lists, made = _kcenter._short_list, itertools.count()
    monkeypatch.setattr(_kcenter, "_short_list", lambda *given: (next(made), lists(*given))[1])
    points, centres = clusters(), np.zeros((1, 2))
    picks, heights = k_center_greedy(torch.tensor(points), torch.tensor(centres), n)
    wanted, distances = brute_force(points, centres, n)
    assert picks.tolist() == wanted
    np.testing.assert_allclose(heights, distances, atol=1e-6)
    assert next(made) > 2


@pytest.mark.parametrize("n", [100, 300])
def test_no_point_is_picked_twice(n: int) -> None:
    """In float32 a point's distance to itself is not quite 0, and here larger than that to its neighbours."""
    points = clusters()
    picks, heights = k_center_greedy(torch.tensor(points, dtype=torch.float32), torch.zeros(1, 2), n)
    assert_farthest_first(points, np.zeros((1, 2)), picks, heights.double() ** 2, slack=5e-3)


def test_without_centres_the_first_pick_is_farthest_from_the_mean() -> None:
    points = np.random.default_rng(4).normal(size=(150, 4)) + 5
    for n in (1, 2, 30, 150):
        picks, heights = k_center_greedy(torch.tensor(points), torch.empty(0, 4, dtype=torch.float64), n)
        from_mean = np.linalg.norm(points - points.mean(0), axis=1)
        first = int(from_mean.argmax())
        assert picks[0] == first and heights[0] == pytest.approx(from_mean.max())
        others, distances = brute_force(np.delete(points, first, 0), points[[first]], n - 1)
        assert picks[1:].tolist() == [position + (position >= first) for position in others]
        np.testing.assert_allclose(heights[1:], distances, atol=1e-6)


@pytest.mark.parametrize("n", [0, 4])
def test_more_or_less_than_there_is(n: int) -> None:
    with pytest.raises(ValueError, match=f"cannot pick {n} of 3 points"):
        k_center_greedy(torch.zeros(3, 2), torch.zeros(1, 2), n)


def test_tiles_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    points, centres = rng.normal(size=(101, 5)), rng.normal(size=(13, 5))
    wanted = cdist(points, centres, "sqeuclidean").min(1)
    for elements, columns in ((1, 2), (40, 5), (2**20, 4096)):
        monkeypatch.setattr(_kcenter, "TILE_ELEMENTS", elements)
        monkeypatch.setattr(_kcenter, "TILE_COLUMNS", columns)
        np.testing.assert_allclose(nearest_squared(torch.tensor(points), torch.tensor(centres)), wanted)


def test_coreset_scores_and_picks(context_of) -> None:
    """On a line, labelled at 0: 10 is farthest, then −6, then 4 (6 from 10, 4 from 0) before 9.5."""
    at = torch.tensor([[9.5], [0.0], [4.0], [77.0], [-6.0], [10.0]])
    context = context_of(torch.zeros(6, 1), [1], [0, 2, 4, 5], {"embedding": at})
    strategy = CoreSet()
    state = strategy.fit(context)
    scores = strategy.score(context, state).numpy()
    assert scores.tolist() == pytest.approx([9.5, 4, 6, 10])
    picks = strategy.select(context, state, scores, 4)
    assert picks.indices.tolist() == [5, 4, 2, 0]
    assert picks.scores.tolist() == pytest.approx([10, 6, 4, 0.5])
