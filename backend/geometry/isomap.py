"""Isomap (Tenenbaum, de Silva & Langford 2000): keep distances along the data, not across it.

1. Join each point to its nearest neighbours (`neighbors.py`). 2. Geodesics D: shortest paths in that graph
(`geodesics.py`). 3. Classical scaling: the leading eigenvectors V of -1/2 J D^2 J with J = I - 1/n, embedding
V sqrt(lambda).

Exact, and the same map as scikit-learn's. Two differences: the number of components of the neighbour graph is part of the
result (components are still stitched, as there, so that a picture exists), and the signs of the axes are fixed.
The geodesics are not kept, a cached map is small; `transform` makes them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from shatterscope.backend import interrupt
from shatterscope.backend.geometry.checks import Float32Array, FloatArray, as_points, fix_signs
from shatterscope.backend.geometry.geodesics import all_shortest_paths
from shatterscope.backend.geometry.neighbors import NeighborGraph, nearest_neighbors, neighbor_graph, stitch
from shatterscope.backend.geometry.residual import KeptDistances, sample_rows

# Up to this many points the full eigen-decomposition is as fast as the truncated one, and never fails.
DENSE_POINTS = 200


@dataclass(frozen=True)
class IsomapMap:
    """A fitted map.

    Attributes:
        embedding: (n, k). Axes of no extent (fewer points than axes, all points alike) are 0.
        n_neighbors: the number used.
        n_components: components of the neighbour graph before stitching.
        kept: the geodesics it was asked to keep, from a sample of points.
        residual_variance: 1 - r^2 between geodesics and distances in the embedding.
    """

    embedding: FloatArray
    n_neighbors: int
    n_components: int
    kept: KeptDistances
    residual_variance: float
    _points: FloatArray
    _graph: NeighborGraph
    _eigenvalues: FloatArray

    def transform(self, points: ArrayLike) -> FloatArray:
        """Place further points, (m, d), in this map: (m, k).

        A point's geodesic to the fitted points goes through its nearest of them; its place follows from these as that
        of a fitted point does (Bengio et al. 2004). A fitted point gets its own place again.

        Raises:
            ValueError: wrong width, NaN or infinities.
        """
        queries = as_points(points)
        if queries.shape[1] != self._points.shape[1]:
            raise ValueError(f"points must have {self._points.shape[1]} columns like the fitted ones")
        if np.array_equal(queries, self._points):
            return self.embedding
        order, geodesics = all_shortest_paths(self._graph)
        rank = np.argsort(order)
        index, length = nearest_neighbors(self._points, self.n_neighbors, queries)
        ways = np.full((len(queries), len(order)), np.inf, dtype=np.float32)
        for neighbor, first_leg in zip(rank[index].T, length.astype(np.float32).T, strict=True):
            np.minimum(ways, first_leg[:, None] + geodesics[neighbor], out=ways)
        mean_square = np.square(geodesics, dtype=np.float64).mean(axis=0)
        has_extent = self._eigenvalues > 0
        weights = np.where(has_extent, self.embedding[order] / np.where(has_extent, self._eigenvalues, 1), 0)
        return np.asarray(0.5 * (mean_square - np.square(ways, dtype=np.float64)) @ weights)


def fit_isomap(points: ArrayLike, dimensions: int, n_neighbors: int | Literal["auto"] = "auto") -> IsomapMap:
    """Fit Isomap.

    Args:
        points: (n, d), n >= 2.
        dimensions: number of axes k.
        n_neighbors: neighbours of each point, itself not counted, cut to n - 1; `auto`: the smallest number
            whose graph stays connected whichever one point is taken out (`automatic_n_neighbors`).

    Raises:
        ValueError: NaN, infinities, fewer than two points, or n_neighbors below 1.
    """
    array = as_points(points)
    interrupt.checkpoint()
    graph, k = neighbor_graph(array, n_neighbors)
    labels = graph.labels()
    graph = stitch(graph, array, labels)
    order, geodesics = all_shortest_paths(graph)

    rank = np.argsort(order)
    rows = sample_rows(len(array))
    kept = KeptDistances(rows, geodesics[rank[rows]][:, rank])
    embedding = np.zeros((len(array), dimensions))
    eigenvalues = np.zeros(dimensions)
    interrupt.checkpoint()
    scaled, eigenvalues_found = _classical_scaling(geodesics, dimensions)
    embedding[order, : scaled.shape[1]] = scaled
    eigenvalues[: scaled.shape[1]] = eigenvalues_found
    embedding = fix_signs(embedding)
    return IsomapMap(
        embedding=embedding,
        n_neighbors=k,
        n_components=int(labels.max()) + 1,
        kept=kept,
        residual_variance=kept.residual_variance(embedding),
        _points=array,
        _graph=graph,
        _eigenvalues=eigenvalues,
    )


def _classical_scaling(distances: Float32Array, dimensions: int) -> tuple[FloatArray, FloatArray]:
    """Leading axes of classical scaling, (n, at most k) and their eigenvalues; overwrites `distances`."""
    n = len(distances)
    size = float(distances.max())
    if size == 0:
        return np.zeros((n, 0)), np.zeros(0)
    kernel = distances
    kernel /= np.float32(size)  # squares of huge distances would overflow float32
    np.square(kernel, out=kernel)
    kernel *= np.float32(-0.5)
    values, vectors = _leading_eigenpairs(kernel, min(dimensions, n))
    order = np.argsort(-values, kind="stable")
    values, vectors = np.maximum(values[order], 0), vectors[:, order]
    return vectors * np.sqrt(values) * size, values * size**2


def _leading_eigenpairs(kernel: Float32Array, k: int) -> tuple[FloatArray, FloatArray]:
    """Of J kernel J; centred vector by vector, so the matrix is read only."""
    n = len(kernel)
    if n > DENSE_POINTS:

        def centered(vector: Float32Array) -> Float32Array:
            vector = vector.ravel()
            image = kernel @ (vector - vector.mean())
            return np.asarray(image - image.mean())

        start = np.random.default_rng(0).standard_normal(n).astype(np.float32)  # fixed: same points, same picture
        operator = LinearOperator((n, n), matvec=centered, dtype=np.float32)
        try:
            values, vectors = eigsh(operator, k, which="LA", v0=start, tol=1e-5)
            return values.astype(np.float64), vectors.astype(np.float64)
        except ArpackError:
            pass  # no convergence: the full decomposition always works
    full = kernel.astype(np.float64)
    full -= full.mean(axis=0)
    full -= full.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(full)
    return values[-k:], vectors[:, -k:]
