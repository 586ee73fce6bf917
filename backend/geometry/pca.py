"""Principal component analysis: the flat picture of largest variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from shatterscope.backend.geometry.checks import FloatArray, as_points, fix_signs
from shatterscope.backend.geometry.residual import KeptDistances, sample_rows


@dataclass(frozen=True)
class PCAMap:
    """A fitted map.

    Attributes:
        embedding: (n, k). Axes beyond the data's dimension are 0.
        kept: the Euclidean distances it was asked to keep, from a sample of points.
        residual_variance: 1 - r^2 between Euclidean distances and distances in the embedding.
        n_neighbors, n_components: None; there is no neighbour graph.
    """

    embedding: FloatArray
    kept: KeptDistances
    residual_variance: float
    _mean: FloatArray
    _axes: FloatArray  # (d, k)
    n_neighbors: None = None
    n_components: None = None

    def transform(self, points: ArrayLike) -> FloatArray:
        """Place further points, (m, d), on the axes of this map: (m, k). Raises `ValueError` for bad points."""
        queries = as_points(points)
        if queries.shape[1] != len(self._mean):
            raise ValueError(f"points must have {len(self._mean)} columns like the fitted ones")
        return np.asarray((queries - self._mean) @ self._axes)


def fit_pca(points: ArrayLike, dimensions: int) -> PCAMap:
    """Fit PCA of (n, d) points with `dimensions` axes. Raises `ValueError` for NaN, infinities or a single point."""
    array = as_points(points)
    mean = array.mean(axis=0)
    centered = array - mean
    # As scikit-learn does it where there are more points than columns, several times faster than singular values; centred before, where
    # scikit-learn subtracts the mean from the squares, and an offset costs digits.
    found = np.linalg.eigh(centered.T @ centered)[1][:, : -dimensions - 1 : -1]
    axes = np.zeros((array.shape[1], dimensions))
    axes[:, : found.shape[1]] = found
    embedding = centered @ axes
    flip = np.where(np.sum(embedding * fix_signs(embedding), axis=0) < 0, -1.0, 1.0)
    embedding, axes = embedding * flip, axes * flip
    rows = sample_rows(len(array))
    distances = cdist(array[rows], array).astype(np.float32)
    kept = KeptDistances(rows, distances)
    return PCAMap(embedding, kept, kept.residual_variance(embedding), mean, axes)
