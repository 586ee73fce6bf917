"""Nearest neighbours, the neighbour graph, and what to do when it falls apart.

A point is never its own neighbour: `n_neighbors` counts the others, as in scikit-learn. The graph is symmetrised: i and
j are joined when either is among the other's `n_neighbors` nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, depth_first_order

from shatterscope.backend import interrupt
from shatterscope.backend.geometry.checks import FloatArray, IntArray, as_points

# Beyond this many neighbours a map of a few thousand points is no longer one of its local geometry.
MAX_AUTOMATIC_NEIGHBORS = 32
# Rows of the distance matrix made at a time: a block stays in a core's cache.
BLOCK_ROWS = 128


@dataclass(frozen=True)
class NeighborGraph:
    """An undirected weighted graph, each edge once.

    Attributes:
        n: number of vertices.
        source, target: (n_edges,) ends of each edge, source < target.
        length: (n_edges,) Euclidean length of each edge.
    """

    n: int
    source: IntArray
    target: IntArray
    length: FloatArray

    def labels(self) -> IntArray:
        """(n,) number of the component each vertex belongs to."""
        return _labels(self.n, self.source, self.target)


def nearest_neighbors(points: FloatArray, k: int, queries: FloatArray | None = None) -> tuple[IntArray, FloatArray]:
    """The k nearest points of every query, exactly, nearest first.

    Args:
        points: (n, d).
        k: number of neighbours; cut to those there are.
        queries: (m, d); None means the points themselves, each of which then leaves itself out.

    Returns:
        (m, k) indices into points, and (m, k) Euclidean distances.
    """
    targets = points if queries is None else queries
    k = min(k, len(points) - (queries is None))
    x, y = _comparable(targets, points)
    squares = y.square().sum(dim=1)
    found = []
    for start in range(0, len(x), BLOCK_ROWS):
        interrupt.checkpoint()
        # |x|^2 is the same along a row. float64 up to here, for close pairs cancel; float32 is chosen from faster.
        closeness = torch.addmm(squares, x[start : start + BLOCK_ROWS], y.T, alpha=-2)
        closeness += x[start : start + BLOCK_ROWS].square().sum(dim=1, keepdim=True)
        if queries is None:
            closeness[:, start:].fill_diagonal_(torch.inf)
        found.append(closeness.float().topk(k, dim=1, largest=False).indices)
    index: IntArray = torch.cat(found).numpy()
    step = targets[:, None, :] - points[index]
    distance = np.sqrt(np.einsum("mkd,mkd->mk", step, step))  # by subtraction, which does not cancel
    order = np.argsort(distance, axis=1, kind="stable")
    return np.take_along_axis(index, order, axis=1), np.take_along_axis(distance, order, axis=1)


def automatic_n_neighbors(points: ArrayLike) -> tuple[int, int]:
    """The smallest k whose symmetrised neighbour graph stays connected whichever one point is taken out, and the graph's number of
    components.

    A map that hangs on one point shows that point, not the shape: a closed curve opens where the graph passes through a single
    point. If no k up to 32 (or n - 1) holds so, the smallest that connects; if none does, the smallest with the fewest components,
    so the second number is 1 unless the points fall into clusters.

    Args:
        points: (n, d).

    Returns:
        (k, n_components of the graph at that k).
    """
    k, components, _ = _automatic(as_points(points))
    return k, components


def _automatic(points: FloatArray) -> tuple[int, int, tuple[IntArray, FloatArray]]:
    """k, components, and the neighbours found on the way (at least k of them)."""
    limit = min(MAX_AUTOMATIC_NEIGHBORS, len(points) - 1)
    rows = np.arange(len(points))
    best, fewest = limit, len(points) + 1
    for most in dict.fromkeys((min(8, limit), limit)):  # 8 is nearly always enough, and cheaper to find
        neighbors = nearest_neighbors(points, most)
        for k in range(1, most + 1):
            adjacency = _adjacency(len(points), np.repeat(rows, k), neighbors[0][:, :k].ravel())
            components = int(connected_components(adjacency, directed=False)[0])
            if components < fewest:
                best, fewest = k, components
            if components == 1 and not has_cut_point(adjacency):
                return k, 1, neighbors
    return best, fewest, neighbors


def has_cut_point(adjacency: csr_array) -> bool:
    """Whether a connected graph falls apart when some one vertex is taken out (Hopcroft & Tarjan 1973).

    Args:
        adjacency: (n, n), symmetric.
    """
    order, parent = depth_first_order(adjacency, 0, directed=False)
    n = len(order)
    number = np.empty(n, dtype=np.int64)
    number[order] = np.arange(n)
    # The first vertex that each vertex has an edge to, by the order of the search, its parent left out ...
    reached = np.repeat(np.arange(n), np.diff(adjacency.indptr))
    back = np.where(adjacency.indices == parent[reached], n, number[adjacency.indices])
    first = number.copy()
    np.minimum.at(first, reached, back)
    # ... and that its descendants have an edge to, the last found first.
    low, up = first[order].tolist(), number[parent[order[1:]]].tolist()
    for child in range(n - 1, 0, -1):
        above = up[child - 1]
        if above and low[child] >= above:
            return True  # all edges from below end at `above`
        low[above] = min(low[above], low[child])
    return up.count(0) > 1  # the root is one if it has two children


def neighbor_graph(points: FloatArray, n_neighbors: int | Literal["auto"]) -> tuple[NeighborGraph, int]:
    """The symmetrised graph of the `n_neighbors` nearest of each of the (n, d) points, and `n_neighbors`.

    Raises:
        ValueError: `n_neighbors` below 1. One above n - 1 is cut to that.
    """
    if n_neighbors == "auto":
        k, _, (index, distance) = _automatic(points)
    elif n_neighbors < 1:
        raise ValueError(f"n_neighbors must be at least 1, got {n_neighbors}")
    else:
        k = min(n_neighbors, len(points) - 1)
        index, distance = nearest_neighbors(points, k)
    return symmetrized(index[:, :k], distance[:, :k]), k


def symmetrized(index: IntArray, distance: FloatArray) -> NeighborGraph:
    """The graph that joins each of n points to its neighbours, (n, k) each as from `nearest_neighbors`."""
    n, k = index.shape
    source, target = np.repeat(np.arange(n), k), index.ravel()
    low, high = np.minimum(source, target), np.maximum(source, target)
    key, first = np.unique(low * n + high, return_index=True)
    return NeighborGraph(n, key // n, key % n, distance.ravel()[first])


def stitch(graph: NeighborGraph, points: FloatArray, labels: IntArray) -> NeighborGraph:
    """Join every two components by an edge between their closest points, as scikit-learn does, so a map exists."""
    n_components = int(labels.max()) + 1
    if n_components == 1:
        return graph
    by_size = np.argsort(-np.bincount(labels), kind="stable")
    labels = np.argsort(by_size)[labels]  # 0: the largest, which is never gone through
    sources, targets = [], []
    for label in range(1, n_components):
        members, others = np.flatnonzero(labels == label), np.flatnonzero(labels < label)
        nearest = squared_distances(points[others], points[members]).min(dim=1)  # member to each point of the others
        squared, member = nearest.values.numpy(), nearest.indices.numpy()
        # Sorted by component, then distance, the first of each component is its closest point.
        order = np.lexsort((squared, labels[others]))
        _, first = np.unique(labels[others][order], return_index=True)
        sources.append(members[member[order[first]]])
        targets.append(others[order[first]])
    source, target = np.concatenate(sources), np.concatenate(targets)
    return NeighborGraph(
        graph.n,
        np.concatenate([graph.source, np.minimum(source, target)]),
        np.concatenate([graph.target, np.maximum(source, target)]),
        np.concatenate([graph.length, np.linalg.norm(points[source] - points[target], axis=1)]),
    )


def _labels(n: int, source: IntArray, target: IntArray) -> IntArray:
    return np.asarray(connected_components(_adjacency(n, source, target), directed=False)[1], dtype=np.int64)


def _adjacency(n: int, source: IntArray, target: IntArray) -> csr_array:
    """Symmetric."""
    ends, others = np.concatenate([source, target]), np.concatenate([target, source])
    return csr_array((np.ones(len(ends), dtype=np.int8), (ends, others)), shape=(n, n))


def squared_distances(left: FloatArray, right: FloatArray) -> torch.Tensor:
    """(m, n) float64, up to a common factor."""
    x, y = _comparable(left, right)
    return torch.addmm(y.square().sum(dim=1), x, y.T, alpha=-2) + x.square().sum(dim=1, keepdim=True)


def _comparable(left: FloatArray, right: FloatArray) -> tuple[torch.Tensor, torch.Tensor]:
    """Both centred and scaled to size 1, so that neither offset nor size costs accuracy."""
    center = right.mean(axis=0)
    left, right = left - center, right - center
    scale = max(float(np.abs(left).max()), float(np.abs(right).max())) or 1.0
    return torch.from_numpy(left / scale), torch.from_numpy(right / scale)
