"""How a world's entities belong together, in plain arrays: what a shape is measured against. It is never used to draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import FloatArray, IntArray, as_positions

# Steps between vertices i and j of the world's graph, element by element; the two arrays are broadcast.
Steps = Callable[[IntArray, IntArray], IntArray]


@dataclass(frozen=True)
class Layout:
    """What is known of n entities; a kind of shape needs some of it (`statistics.py`).

    Attributes:
        n: how many.
        steps: their distances in the world's graph, as a function: rings and lattices need no matrix.
        order: (n,), where each stands on a ring or a chain: a permutation of 0..n-1.
        branches: (n,), any integers: the group that each belongs to.
        coordinates: (n, k), where each stands in the world's own picture. A torus has none in the plane: cosine and sine of both angles.
    """

    n: int
    steps: Steps | None = None
    order: IntArray | None = None
    branches: IntArray | None = None
    coordinates: FloatArray | None = None

    @property
    def bare(self) -> bool:
        """Whether nothing is known of them, so that there is nothing to judge."""
        return self.steps is None and self.order is None and self.branches is None and self.coordinates is None


def graph(distances: ArrayLike, *, branches: ArrayLike | None = None, coordinates: ArrayLike | None = None) -> Layout:
    """Any graph, and trees.

    Args:
        distances: (n, n) integers, steps between any two entities; n or more where no way leads.
        branches: (n,) integers.
        coordinates: (n, k).

    Raises:
        ValueError: sizes that do not belong together, or distances that are not 0 on the diagonal and at least 0 elsewhere.
    """
    matrix = np.asarray(distances)
    n = len(matrix)
    if matrix.shape != (n, n) or matrix.dtype.kind not in "iu" or matrix.diagonal().any() or matrix.min(initial=0) < 0:
        raise ValueError("distances must be an (n, n) array of integers, 0 on the diagonal and at least 0 elsewhere")

    matrix = matrix.astype(np.min_scalar_type(matrix.max(initial=0)))  # small, for it is read in random order

    def steps(i: IntArray, j: IntArray) -> IntArray:
        return matrix[i, j].astype(np.int64)

    return Layout(n, steps, branches=_branches(branches, n), coordinates=_coordinates(coordinates, n))


def clusters(branches: ArrayLike) -> Layout:
    """Groups and nothing else. Raises `ValueError` for anything but a row of integers."""
    groups = np.asarray(branches)
    return Layout(len(groups), branches=_branches(groups, len(groups)))


def ring(order: ArrayLike) -> Layout:
    """Raises `ValueError` where `order` is no permutation."""
    places = as_positions(order, np.size(order))
    n = len(places)

    def steps(i: IntArray, j: IntArray) -> IntArray:
        apart = np.abs(places[i] - places[j])
        return np.minimum(apart, n - apart)

    return Layout(n, steps, places, coordinates=_circle(places, n))


def chain(order: ArrayLike) -> Layout:
    """Raises `ValueError` where `order` is no permutation."""
    places = as_positions(order, np.size(order))

    def steps(i: IntArray, j: IntArray) -> IntArray:
        return np.abs(places[i] - places[j])

    return Layout(len(places), steps, places, coordinates=places[:, None].astype(np.float64))


def grid(cells: ArrayLike) -> Layout:
    """A lattice with edges.

    Args:
        cells: (n, 2) integers, the column and row of each entity.

    Raises:
        ValueError: another shape.
    """
    places = _cells(cells)

    def steps(i: IntArray, j: IntArray) -> IntArray:
        found: IntArray = np.abs(places[i] - places[j]).sum(axis=-1)
        return found

    return Layout(len(places), steps, coordinates=places.astype(np.float64))


def torus(cells: ArrayLike, width: int, height: int) -> Layout:
    """A lattice that is wrapped both ways; see `grid`."""
    places, size = _cells(cells), np.array([width, height])

    def steps(i: IntArray, j: IntArray) -> IntArray:
        apart = np.abs(places[i] - places[j]) % size
        found: IntArray = np.minimum(apart, size - apart).sum(axis=-1)
        return found

    return Layout(
        len(places), steps, coordinates=np.hstack([_circle(places[:, 0], width), _circle(places[:, 1], height)])
    )


def _circle(places: IntArray, n: int) -> FloatArray:
    angle = 2 * np.pi * places / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _cells(cells: ArrayLike) -> IntArray:
    places = np.asarray(cells)
    if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "iu":
        raise ValueError(f"cells must be an (n, 2) array of integers, got shape {places.shape} of {places.dtype}")
    return places.astype(np.int64)


def _branches(branches: ArrayLike | None, n: int) -> IntArray | None:
    if branches is None:
        return None
    groups = np.asarray(branches)
    if groups.shape != (n,) or groups.dtype.kind not in "iu":
        raise ValueError(f"branches must be an array of {n} integers, got shape {groups.shape} of {groups.dtype}")
    return groups.astype(np.int64)


def _coordinates(coordinates: ArrayLike | None, n: int) -> FloatArray | None:
    if coordinates is None:
        return None
    places = np.asarray(coordinates, dtype=np.float64)
    if places.ndim != 2 or len(places) != n or not np.isfinite(places).all():
        raise ValueError(f"coordinates must be finite and have shape ({n}, k), got shape {places.shape}")
    return places
