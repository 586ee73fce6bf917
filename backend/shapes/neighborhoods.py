"""Do those that belong together stand together? The share of nearest neighbours in space that are near in the world's graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import as_points
from shatterscope.backend.geometry.neighbors import nearest_neighbors
from shatterscope.backend.shapes.chance import Measured, measured, shuffles
from shatterscope.backend.shapes.layout import Steps


def neighbor_share(points: ArrayLike, steps: Steps, k: int = 2, within: int = 2) -> Measured:
    """Share of the points' k nearest neighbours that are at most `within` steps away in the graph.

    Args:
        points: (n, d).
        steps: of the same n entities (`layout.py`).
        k: neighbours of each point looked at, itself left out; cut to n - 1.
        within: steps that still count.

    Raises:
        ValueError: NaN, infinities, fewer than two points, or k below 1.
    """
    array = as_points(points)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    index, _ = nearest_neighbors(array, k)
    rows = np.arange(len(array))[:, None]
    by_chance = [np.mean(steps(name[rows], name[index]) <= within) for name in shuffles(len(array))]
    return measured(float(np.mean(steps(rows, index) <= within)), by_chance)
