"""Is it still a ring? Two numbers that need no eye: neighbours in space, and turns round the centre.

`positions` says where on the ring each point belongs: a permutation of 0..n-1. It is used to measure only, never to
draw.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import as_points, as_positions
from shatterscope.backend.geometry.neighbors import nearest_neighbors


def ring_neighbor_share(points: ArrayLike, positions: ArrayLike, k: int = 2, within: int = 2) -> float:
    """Share of the points' k nearest neighbours that are ring neighbours.

    Args:
        points: (n, d) representations, in the full space.
        positions: (n,) ring positions.
        k: neighbours of each point looked at, itself left out; cut to n - 1.
        within: ring steps, either way, that still count as a neighbour.

    Returns:
        A fraction in [0, 1]; about 2 * within / (n - 1) for points in no order. Where several points coincide, which
        of them count as the nearest is arbitrary (but always the same).

    Raises:
        ValueError: NaN, infinities, fewer than two points, k below 1, or positions that are no permutation.
    """
    array = as_points(points)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    ring = as_positions(positions, len(array))
    index, _ = nearest_neighbors(array, k)
    clockwise = (ring[index] - ring[:, None]) % len(ring)
    steps = np.minimum(clockwise, len(ring) - clockwise)
    return float(np.mean(steps <= within))


def winding_number(points: ArrayLike, positions: ArrayLike) -> int:
    """Turns made round the centroid while going once round the ring.

    Visits the points in order of position and back to the first, adding up the angle, each step taken the shorter
    way round. A closed ring gives 1 or -1 (the sign is the sense of rotation, which a reflection reverses), a ring drawn
    twice round 2, a tangle usually 0 or some larger number.

    Args:
        points: (n, k >= 2); the first two coordinates are used.
        positions: (n,) ring positions.

    Returns:
        An integer. Points on the centroid have no angle and are passed over; 0 if fewer than three are left.

    Raises:
        ValueError: NaN, infinities, fewer than two points or axes, or positions that are no permutation.
    """
    array = as_points(points)
    if array.shape[1] < 2:
        raise ValueError("points need two coordinates to turn in")
    plane = array[np.argsort(as_positions(positions, len(array))), :2]
    plane = plane - plane.mean(axis=0)
    radius = np.hypot(*plane.T)
    plane = plane[radius > 1e-9 * radius.max()]
    if len(plane) < 3:
        return 0
    angle = np.arctan2(plane[:, 1], plane[:, 0])
    step = np.diff(angle, append=angle[0])
    step -= 2 * np.pi * np.round(step / (2 * np.pi))
    return int(np.rint(step.sum() / (2 * np.pi)))
