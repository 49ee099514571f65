"""Greedy k-center (farthest-first traversal), exact, with O(n) memory beside the features.

The next pick is always the point farthest from all centres. Distances only shrink, so as long as the farthest point of a
short list of the currently farthest ones is no nearer than everything outside the list was, it is the global pick; only then
are the other points brought up to date, by one matrix product for all picks since (performance.md 4.4).
"""

import torch
from torch import Tensor

TILE_ELEMENTS = 2**25  # of one distance tile: 128 MiB in float32


def k_center_greedy(points_N_D: Tensor, centres_L_D: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Positions of `n` points picked farthest-first from the centres, and each one's Euclidean distance to its nearest
    centre at the time of its pick, both (n,). With no centres the first pick is the point farthest from the mean.
    """
    if not 0 < n <= len(points_N_D):
        raise ValueError(f"cannot pick {n} of {len(points_N_D)} points")
    if not len(centres_L_D):
        return _without_centres(points_N_D, n)
    nearest_N = nearest_squared(points_N_D, centres_L_D)
    picks: list[int] = []
    heights: list[Tensor] = []
    while len(picks) < n:
        fresh = _short_list(points_N_D, nearest_N, n - len(picks))
        picks += [position for position, _ in fresh]
        heights += [height for _, height in fresh]
        if len(picks) < n:
            newest = points_N_D[picks[-len(fresh) :]]
            torch.minimum(nearest_N, nearest_squared(points_N_D, newest), out=nearest_N)
            nearest_N[picks] = -torch.inf
    return torch.tensor(picks, device=points_N_D.device), torch.stack(heights).clamp(min=0).sqrt()


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


def _short_list(points_N_D: Tensor, nearest_N: Tensor, n: int) -> list[tuple[int, Tensor]]:
    """Up to `n` global picks (at least one) that can be told from the farthest 4n + 64 points alone."""
    size = min(4 * n + 64, len(nearest_N))
    values, positions = nearest_N.topk(min(size + 1, len(nearest_N)))
    outside = values[-1] if len(values) > size else torch.tensor(-torch.inf, device=values.device)
    near, members = values[:size].clone(), positions[:size]
    listed = points_N_D[members]
    picks: list[tuple[int, Tensor]] = []
    while len(picks) < n:
        height, at = near.max(0)
        if picks and height < outside:
            break
        picks.append((int(members[at]), height))
        torch.minimum(near, squared_distances(listed, listed[at][None]).squeeze(1), out=near)
        near[at] = -torch.inf
    return picks


def nearest_squared(points_N_D: Tensor, centres_L_D: Tensor) -> Tensor:
    """Squared distance of every point to its nearest centre, (N,), in tiles of bounded size."""
    rows = max(1, TILE_ELEMENTS // max(1, len(centres_L_D)))
    tiles = (squared_distances(part, centres_L_D).min(1).values for part in points_N_D.split(rows))
    return torch.cat(list(tiles))


def squared_distances(a_N_D: Tensor, b_M_D: Tensor) -> Tensor:
    """Squared Euclidean distances, (N, M), by one matrix product."""
    squares = a_N_D.square().sum(1)[:, None] + b_M_D.square().sum(1)
    return torch.addmm(squares, a_N_D, b_M_D.T, alpha=-2).clamp(min=0)
