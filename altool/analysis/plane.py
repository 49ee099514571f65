"""Geometry of points and of a model's decision boundary, for what is measured of toy sets (P1 4.1, Fig. 1)."""

import math

import contourpy
import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist


def boundary(x_W: np.ndarray, y_H: np.ndarray, probs_H_W_C: np.ndarray) -> list[np.ndarray]:
    """The polylines, each (k, 2), where a class stops being the likeliest: of two classes, where both have one half."""
    probs = probs_H_W_C.astype(float)
    lines: list[np.ndarray] = []
    for k in range(1 if probs.shape[2] == 2 else 0, probs.shape[2]):
        lead = probs[..., k] - np.delete(probs, k, axis=2).max(2)
        lines += (np.asarray(line, float) for line in contourpy.contour_generator(x_W, y_H, lead).lines(0.0))
    return lines


def boundary_distances(points_N_2: np.ndarray, lines: list[np.ndarray]) -> np.ndarray:
    """From each point to the nearest of the polylines, (N,); nan where there is none."""
    segments = [(line[:-1], line[1:]) for line in lines if len(line) > 1]
    if not segments:
        return np.full(len(points_N_2), np.nan)
    begin_K_2, end_K_2 = (np.concatenate(parts) for parts in zip(*segments, strict=True))
    along_K_2 = end_K_2 - begin_K_2
    square_K = np.maximum((along_K_2**2).sum(1), np.finfo(float).tiny)
    from_begin_N_K_2 = points_N_2[:, None] - begin_K_2
    share_N_K = ((from_begin_N_K_2 * along_K_2).sum(2) / square_K).clip(0, 1)
    gaps_N_K_2 = from_begin_N_K_2 - share_N_K[..., None] * along_K_2
    return np.sqrt((gaps_N_K_2**2).sum(2)).min(1)


def pairwise_distance(points_N_D: np.ndarray) -> float:
    """Mean distance over all pairs: how much of the space the points cover; nan of fewer than two."""
    return float(pdist(points_N_D).mean()) if len(points_N_D) > 1 else math.nan


def nearest_distance(points_N_D: np.ndarray) -> float:
    """Mean distance to the nearest other point: small where they cluster; nan of fewer than two."""
    if len(points_N_D) < 2:
        return math.nan
    return float(KDTree(points_N_D).query(points_N_D, k=2)[0][:, 1].mean())
