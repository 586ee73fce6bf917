"""Does the world's own picture lie in the points? Fits by least squares: a probe, waves along a ring, a Procrustes fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import FloatArray, as_points, as_positions
from shatterscope.backend.shapes.chance import SHUFFLES, Measured, measured, shuffles

# Waves round the whole ring, and up to four times as short: a bent or dented ring has these, a tangle all lengths alike.
WAVES = 4
# A singular value below this share of the largest is noise of the arithmetic.
FLAT = 1e-10


def probe(points: ArrayLike, coordinates: ArrayLike) -> Measured:
    """R2 of a linear probe: the share of the coordinates' variance that a linear map of the points gives.

    Fitted and scored on the same points, so d columns explain d / (n - 1) by chance. For a ring the coordinates are cosine and sine of the angle:
    the circular probe.

    Args:
        points: (n, d).
        coordinates: (n, k).

    Raises:
        ValueError: NaN, infinities, fewer than two points, or not as many coordinates as points.
    """
    given, wanted = _both(points, coordinates)
    return _explained(_basis(given), wanted)


def fourier_share(points: ArrayLike, order: ArrayLike) -> Measured:
    """Share of the points' variance in waves of at most four turns round the ring: the power at frequencies k <= 4.

    Of fewer than 24 points fewer frequencies are taken, n / 6, for four would hold nearly all there are.

    Args:
        points: (n, d).
        order: (n,) ring positions.

    Raises:
        ValueError: NaN, infinities, fewer than two points, or an order that is no permutation.
    """
    array = as_points(points)
    angle = 2 * np.pi * as_positions(order, len(array)) / len(array)
    turns = np.arange(1, max(1, min(WAVES, len(array) // 6)) + 1)
    waves = np.hstack([np.cos(np.outer(angle, turns)), np.sin(np.outer(angle, turns))])
    return _explained(_basis(waves - waves.mean(axis=0)), array - array.mean(axis=0))


def procrustes_share(points: ArrayLike, coordinates: ArrayLike) -> Measured:
    """Share of the layout that is found in the points, turned, mirrored, shifted and scaled as fits best (Procrustes; Schoenemann 1966).

    1 less the disparity that `scipy.spatial.procrustes` reports: 1 for the layout itself. Unlike the probe it forgives no stretching, and what
    varies across the layout's plane counts against it.

    Args, Raises:
        As `probe`.
    """
    given, wanted = _both(points, coordinates)
    size = float(np.linalg.norm(given) * np.linalg.norm(wanted))

    def share(product: FloatArray) -> FloatArray:
        found: FloatArray = (np.linalg.svd(product / (size or 1.0), compute_uv=False).sum(axis=-1)) ** 2
        return found

    return measured(float(share(given.T @ wanted)), share(shuffled_products(given, wanted)))


def _both(points: ArrayLike, coordinates: ArrayLike) -> tuple[FloatArray, FloatArray]:
    given, wanted = as_points(points), as_points(coordinates, "coordinates")
    if len(given) != len(wanted):
        raise ValueError(f"coordinates must have a row for each of {len(given)} points, got {len(wanted)}")
    return given - given.mean(axis=0), wanted - wanted.mean(axis=0)


def _basis(columns: FloatArray) -> FloatArray:
    """(n, rank) orthonormal, of the same span."""
    left, size, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(left[:, size > FLAT * size.max(initial=np.finfo(float).tiny)])


def _explained(basis: FloatArray, wanted: FloatArray) -> Measured:
    """Share of the squares of `wanted` that lies in the span of `basis`; 0 where there are none."""
    total = float(np.square(wanted).sum()) or 1.0
    by_chance = np.square(shuffled_products(basis, wanted)).sum(axis=(1, 2))
    return measured(float(np.square(basis.T @ wanted).sum()) / total, by_chance / total)


def shuffled_products(left: FloatArray, right: FloatArray) -> FloatArray:
    """(99, columns of left, columns of right): left.T @ right, the rows of the narrower one shuffled."""
    if left.shape[1] < right.shape[1]:
        return shuffled_products(right, left).transpose(0, 2, 1)
    n, k = right.shape
    named = right[shuffles(n)]  # (99, n, k)
    side_by_side = named.transpose(1, 0, 2).reshape(n, -1)
    return (left.T @ side_by_side).reshape(left.shape[1], SHUFFLES, k).transpose(1, 0, 2)
