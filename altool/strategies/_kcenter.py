"""Greedy k-center (farthest-first traversal), exact, with O(n) memory beside the features.

The next pick is always the point farthest from all centres. Distances only shrink, so as long as the farthest point of a
short list of the currently farthest ones is no nearer than everything outside the list was, it is the global pick; only then
are the other points brought up to date, by one matrix product for all picks since (performance.md 4.4). Within the list all
distances come from one product, too, and the picking itself is on the host, which a GPU would only wait for.
"""

import numpy as np
import torch
from torch import Tensor

TILE_ELEMENTS = 2**22  # of one distance tile: 16 MiB in float32, which caches hold
TILE_COLUMNS = 4096  # at most: tall tiles of many centres would read them again for every few points
LISTED = 2048  # at most, on a short list: the distances between them take as much as a tile


def k_center_greedy(
    points_N_D: Tensor, centres_L_D: Tensor, n: int, nearest_N: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Positions of `n` points picked farthest-first from the centres, and each one's Euclidean distance to its nearest
    centre at the time of its pick, both (n,). With no centres the first pick is the point farthest from the mean.
    `nearest_N`: the points' squared distances to the centres, where they are known.
    """
    if not 0 < n <= len(points_N_D):
        raise ValueError(f"cannot pick {n} of {len(points_N_D)} points")
    if not len(centres_L_D):
        return _without_centres(points_N_D, n)
    nearest_N = nearest_squared(points_N_D, centres_L_D) if nearest_N is None else nearest_N.clone()
    picks: list[int] = []
    heights: list[float] = []
    while len(picks) < n:
        fresh, at = _short_list(points_N_D, nearest_N, n - len(picks))
        picks += fresh
        heights += at
        if len(picks) < n:
            newest = points_N_D[fresh]
            torch.minimum(nearest_N, nearest_squared(points_N_D, newest), out=nearest_N)
            nearest_N[fresh] = -torch.inf
    squared = torch.tensor(heights, dtype=points_N_D.dtype, device=points_N_D.device)
    return torch.tensor(picks, device=points_N_D.device), squared.clamp(min=0).sqrt()


def _without_centres(points_N_D: Tensor, n: int) -> tuple[Tensor, Tensor]:
    from_mean_N = nearest_squared(points_N_D, points_N_D.mean(0, keepdim=True))
    first = int(from_mean_N.argmax())
    others = torch.tensor([i for i in range(len(points_N_D)) if i != first], device=points_N_D.device)
    picks = torch.tensor([first], device=points_N_D.device)
    distances = from_mean_N[first][None].sqrt()
    if n > 1:
        rest, far = k_center_greedy(points_N_D[others], points_N_D[first][None], n - 1)
        picks, distances = torch.cat([picks, others[rest]]), torch.cat([distances, far])
    return picks, distances


def _short_list(points_N_D: Tensor, nearest_N: Tensor, n: int) -> tuple[list[int], list[float]]:
    """Up to `n` global picks (at least one) that can be told from the farthest points alone, and their squared distances."""
    size = min(4 * n + 64, LISTED, len(nearest_N))
    values, positions = nearest_N.topk(min(size + 1, len(nearest_N)))
    outside = float(values[-1]) if len(values) > size else -np.inf
    listed = points_N_D[positions[:size]]
    between = squared_distances(listed, listed).cpu().numpy()
    near, members = values[:size].cpu().numpy(), positions.tolist()
    picks: list[int] = []
    heights: list[float] = []
    while len(picks) < n:
        at = int(near.argmax())
        if picks and near[at] < outside:
            break
        picks.append(members[at])
        heights.append(float(near[at]))
        np.minimum(near, between[at], out=near)
        near[at] = -np.inf
    return picks, heights


def nearest_squared(points_N_D: Tensor, centres_L_D: Tensor) -> Tensor:
    """Squared distance of every point to its nearest centre, (N,), in tiles of bounded size. They are gathered in one
    place: small tensors between large ones would tear the heap."""
    nearest_N = points_N_D.new_full((len(points_N_D),), torch.inf)
    for centres in centres_L_D.split(TILE_COLUMNS):
        squares, rows = centres.square().sum(1), max(1, TILE_ELEMENTS // len(centres))
        for nearest, points in zip(nearest_N.split(rows), points_N_D.split(rows), strict=True):
            tile = torch.addmm(squares, points, centres.T, alpha=-2)
            torch.minimum(nearest, tile.amin(1), out=nearest)
    for nearest, points in zip(nearest_N.split(TILE_COLUMNS), points_N_D.split(TILE_COLUMNS), strict=True):
        nearest += points.square().sum(1)
    return nearest_N.clamp_(min=0)


def squared_distances(a_N_D: Tensor, b_M_D: Tensor) -> Tensor:
    """Squared Euclidean distances, (N, M), by one matrix product."""
    squares = a_N_D.square().sum(1)[:, None] + b_M_D.square().sum(1)
    return squares.addmm_(a_N_D, b_M_D.T, alpha=-2).clamp_(min=0)
