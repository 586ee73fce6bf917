"""How alike are the points before and after an edit? Row i of both is the same entity; chance: row i of one, any row of the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shatterscope.backend.geometry.checks import FloatArray, IntArray, as_points
from shatterscope.backend.geometry.neighbors import nearest_neighbors, squared_distances
from shatterscope.backend.shapes.chance import Measured, measured, shuffles
from shatterscope.backend.shapes.fits import shuffled_products

# Nearest neighbours that are compared.
NEIGHBORS = 10


def linear_cka(before: ArrayLike, after: ArrayLike) -> Measured:
    """Linear centred kernel alignment (Kornblith et al. 2019, equation 5): 1 for the same up to rotation, shift and scale.

    Args:
        before: (n, d).
        after: (n, e).

    Returns:
        A value in [0, 1]; 0 where all points of one side are alike.

    Raises:
        ValueError: NaN, infinities, fewer than two points, or not as many on both sides.
    """
    x, y = _both(before, after)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    size = float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)) or 1.0
    by_chance = np.square(shuffled_products(x, y)).sum(axis=(1, 2)) / size
    return measured(float(np.square(x.T @ y).sum()) / size, by_chance)


def neighbor_overlap(before: ArrayLike, after: ArrayLike, k: int = NEIGHBORS) -> Measured:
    """Share of each point's k nearest neighbours before that are among its k nearest after.

    Args:
        before: (n, d).
        after: (n, e).
        k: cut to n - 1.

    Raises:
        ValueError: as `linear_cka`, or k below 1.
    """
    x, y = _both(before, after, k)
    index, _ = nearest_neighbors(y, k)
    near = np.zeros((len(x), len(x)), dtype=np.bool_)
    np.put_along_axis(near, nearest_neighbors(x, k)[0], True, axis=1)
    rows = np.arange(len(x))[:, None]
    return measured(
        float(near[rows, index].mean()), [near[name[rows], name[index]].mean() for name in shuffles(len(x))]
    )


def trustworthiness(before: ArrayLike, after: ArrayLike, k: int = NEIGHBORS) -> Measured:
    """1 less the penalty for new neighbours, each by how far down the list of neighbours it was (Venna & Kaski 2001, equation 1).

    Args:
        before: (n, d).
        after: (n, e).
        k: neighbours after the edit, below n / 2.

    Returns:
        A value in [0, 1]; about a half by chance.

    Raises:
        ValueError: as `linear_cka`, or k below 1 or not below n / 2.
    """
    x, y = _both(before, after, k)
    n = len(x)
    if k >= n / 2:
        raise ValueError(f"k must be below half of the {n} points, got {k}")
    index, _ = nearest_neighbors(y, k)
    rows = np.arange(n)[:, None]
    ranks = _ranks(x)
    worst = n * k * (2 * n - 3 * k - 1) / 2

    def trust(i: IntArray, j: IntArray) -> float:
        rank = ranks[i, j].astype(np.int64)
        return 1 - float(np.maximum(rank - k, 0).sum()) / worst

    return measured(trust(rows, index), [trust(name[rows], name[index]) for name in shuffles(n)])


def _ranks(points: FloatArray) -> NDArray[np.unsignedinteger]:
    """(n, n): 1 for the nearest neighbour of the row's point, 2 for the next; 0 for itself."""
    n = len(points)
    distances = squared_distances(points, points).float().numpy()
    np.fill_diagonal(distances, -np.inf)
    ranks = np.empty((n, n), dtype=np.min_scalar_type(n))  # small, for it is read in random order
    np.put_along_axis(ranks, np.argsort(distances, axis=1), np.arange(n, dtype=ranks.dtype)[None], axis=1)
    return ranks


def _both(before: ArrayLike, after: ArrayLike, k: int = 1) -> tuple[FloatArray, FloatArray]:
    x, y = as_points(before, "before"), as_points(after, "after")
    if len(x) != len(y):
        raise ValueError(f"before and after must have as many points, got {len(x)} and {len(y)}")
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return x, y
