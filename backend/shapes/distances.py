"""Are those that are far apart in the world far apart in space? Rank correlations (Spearman 1904)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from shatterscope.backend.geometry.checks import FloatArray, as_points, as_positions
from shatterscope.backend.geometry.neighbors import nearest_neighbors, stitch, symmetrized
from shatterscope.backend.shapes.chance import Measured, measured, sample, shuffles
from shatterscope.backend.shapes.layout import Steps

# A graph of as many nearest neighbours that is still in pieces is joined where they are closest.
MOST_NEIGHBORS = 8


def rank_correlation(points: ArrayLike, steps: Steps) -> Measured:
    """Spearman's correlation of distances in space with steps in the graph, over all pairs of at most `SAMPLE` points.

    Its chance is that of the Mantel test (1967): the entities trade names, not the pairs, for pairs that share one are not independent.

    Args:
        points: (n, d).
        steps: of the same n entities (`layout.py`).

    Returns:
        A value in [-1, 1]; 0 where all distances are alike.

    Raises:
        ValueError: NaN, infinities, or fewer than two points.
    """
    array = as_points(points)
    chosen = sample(len(array))
    i, j = np.triu_indices(len(chosen), 1)
    near = _standard_ranks(pdist(array[chosen]))
    far = squareform(_standard_ranks(steps(chosen[i], chosen[j])))
    by_chance = [near @ far[name[i], name[j]] for name in shuffles(len(chosen))]
    return measured(float(near @ far[i, j]), by_chance)


def order_correlation(points: ArrayLike, order: ArrayLike) -> Measured:
    """Spearman's correlation, without its sign, of the order on a chain with the way along the points from one end.

    The way, and not the first principal axis: a chain may be bent into any curve and is still one, while an axis folds a horseshoe over
    itself. It runs through the graph of as few nearest neighbours as connect the points, for more would take short cuts. Its end is the point
    farthest from the point farthest from any, so no label takes part. Of a chain that has closed to a ring, or lies double, the way goes there
    and back: 0.

    Args:
        points: (n, d).
        order: (n,), a permutation of 0..n-1.

    Returns:
        A value in [0, 1].

    Raises:
        ValueError: NaN, infinities, fewer than two points, or an order that is no permutation.
    """
    array = as_points(points)
    places = _standard_ranks(as_positions(order, len(array)))
    way = _standard_ranks(_way_from_an_end(array))
    return measured(abs(float(way @ places)), np.abs(places[shuffles(len(array))] @ way))


def _way_from_an_end(points: FloatArray) -> FloatArray:
    index, distance = nearest_neighbors(points, MOST_NEIGHBORS)
    for k in range(1, index.shape[1] + 1):
        graph = symmetrized(index[:, :k], distance[:, :k])
        labels = graph.labels()
        if not labels.any():  # one component
            break
    graph = stitch(graph, points, labels)
    # Points that coincide are next to each other all the same, and a stored 0 would be no edge.
    length = np.maximum(graph.length, np.finfo(np.float64).tiny)
    edges = csr_array((length, (graph.source, graph.target)), shape=(graph.n, graph.n))
    start = 0
    for _ in range(2):
        start = int(dijkstra(edges, directed=False, indices=start).argmax())
    return np.asarray(dijkstra(edges, directed=False, indices=start))


def _standard_ranks(values: ArrayLike) -> FloatArray:
    """Ranks, ties at their mean, with mean 0 and length 1: their product is the correlation. All 0 where all values are alike."""
    ranks = rankdata(values)
    ranks -= ranks.mean()
    return np.asarray(ranks / (np.linalg.norm(ranks) or 1.0))
