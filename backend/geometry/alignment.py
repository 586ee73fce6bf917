"""Procrustes alignment (Schoenemann 1966): lay one picture over another without bending it."""

from __future__ import annotations

import numpy as np
from scipy.linalg import orthogonal_procrustes

from shatterscope.backend.geometry.checks import FloatArray


def procrustes(moving: FloatArray, onto: FloatArray, *, scaling: bool = False) -> FloatArray:
    """Move `moving` as close to `onto` as translation, rotation and reflection allow (least squares).

    Args:
        moving: (n, k).
        onto: (n, k), row i belonging to row i of `moving`.
        scaling: allow one common factor as well. Off by default: a figure that an edit blew up should look blown up.

    Returns:
        (n, k): `moving`, aligned.

    Raises:
        ValueError: shapes that differ.
    """
    if moving.shape != onto.shape or moving.ndim != 2:
        raise ValueError(f"both must have the same shape (n, k), got {moving.shape} and {onto.shape}")
    center = onto.mean(axis=0)
    centered = moving - moving.mean(axis=0)
    turn, overlap = orthogonal_procrustes(centered, onto - center)
    spread = float(np.sum(centered**2))
    scale = overlap / spread if scaling and spread > 0 else 1.0
    return np.asarray(scale * centered @ turn + center)
