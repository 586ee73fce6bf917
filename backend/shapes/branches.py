"""Do branches stand apart? The silhouette (Rousseeuw 1987)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from shatterscope.backend.geometry.checks import Float32Array, IntArray, as_points
from shatterscope.backend.shapes.chance import Measured, measured, sample, shuffles


def silhouette(points: ArrayLike, branches: ArrayLike) -> Measured:
    """Mean silhouette of at most `SAMPLE` points: how much nearer each is to its own branch than to the next one.

    scikit-learn's value. By hand, because the distances, made once, serve all shuffles.

    Args:
        points: (n, d).
        branches: (n,) integers, at least two different ones.

    Returns:
        A value in [-1, 1]: 1 for branches far apart, 0 for branches that lie on each other.

    Raises:
        ValueError: NaN, infinities, fewer than two points, or not one branch per point, or a single branch.
    """
    array = as_points(points)
    chosen = sample(len(array))
    if np.shape(branches) != (len(array),):
        raise ValueError(
            f"branches must have one entry for each of {len(array)} points, got shape {np.shape(branches)}"
        )
    names, group = np.unique(np.asarray(branches)[chosen], return_inverse=True)
    if len(names) < 2:
        raise ValueError("branches must have at least two different values, or there is nothing to tell apart")
    distances = cdist(array[chosen], array[chosen]).astype(np.float32)
    return measured(_mean(distances, group), [_mean(distances, group[name]) for name in shuffles(len(chosen))])


def _mean(distances: Float32Array, group: IntArray) -> float:
    rows = np.arange(len(group))
    member = np.zeros((len(group), int(group.max()) + 1), dtype=np.float32)
    member[rows, group] = 1
    size = member.sum(axis=0)
    total = distances @ member
    own = total[rows, group] / np.maximum(size[group] - 1, 1)  # a point's distance to itself is 0
    total /= size
    total[rows, group] = np.inf
    other = total.min(axis=1)
    larger = np.maximum(own, other)
    known = (size[group] > 1) & (larger > 0)
    return float(np.divide(other - own, larger, out=np.zeros_like(own), where=known).mean())
