"""Checks of input that every map of points shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]


def as_points(points: ArrayLike, name: str = "points") -> FloatArray:
    """(n, d) as float64. Raises `ValueError` for another shape, fewer than 2 points, NaN or infinities."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] < 2 or array.shape[1] < 1:
        raise ValueError(f"{name} must be an array of shape (n, d) with n >= 2 and d >= 1, got shape {array.shape}")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array).all(axis=1)).sum())
        raise ValueError(
            f"{name} has NaN or infinite coordinates in {bad} of {len(array)} rows; "
            "the edit probably overflowed: use a smaller strength or learning rate"
        )
    return array


def as_positions(positions: ArrayLike, n: int) -> IntArray:
    """Ring positions as integers. Raises `ValueError` where they are no permutation of 0..n-1."""
    array = np.asarray(positions)
    if array.shape != (n,) or not np.array_equal(np.sort(array), np.arange(n)):
        raise ValueError(f"positions must be a permutation of 0..{n - 1}, one for each point")
    return array.astype(np.int64)


def fix_signs(embedding: FloatArray) -> FloatArray:
    """Flip each axis so that its coordinate of largest size is positive: the same points give the same picture."""
    largest = embedding[np.abs(embedding).argmax(axis=0), np.arange(embedding.shape[1])]
    return np.asarray(embedding * np.where(largest < 0, -1.0, 1.0))
