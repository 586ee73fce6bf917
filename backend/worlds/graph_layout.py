"""Where to draw entities of which only the edges are known: as far apart as they are steps apart, clusters in colours of their own."""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy.linalg import eigh
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from shatterscope.backend.worlds.base import FloatArray, IntArray


def graph_layout(n: int, edges: IntArray, seed: int) -> FloatArray:
    """(n, 2) coordinates, the largest of them 1 (stress majorisation; Gansner, Koren & North 2004). Same seed, same picture.

    Entities that no way joins stand one step farther apart than any that are joined. Takes seconds for n = 2000.
    """
    # Here and not above: it brings scikit-learn, a second of every start, and a world that is read has its picture already.
    from sklearn.manifold import smacof

    steps = coo_array((np.ones(len(edges)), tuple(edges.T)), shape=(n, n)).tocsr()
    distances = shortest_path(steps, directed=False, unweighted=True)
    apart = ~np.isfinite(distances)
    distances[apart] = distances[~apart].max() + 1
    # What starts in the same place (the leaves of one parent) would stay there.
    start = _classical_scaling(distances) + 0.1 * np.random.default_rng(seed).standard_normal((n, 2))
    found, _ = smacof(distances, init=start, n_init=1, max_iter=150, eps=1e-4, normalized_stress=False)
    found -= found.mean(axis=0)
    return np.asarray(found / max(float(np.abs(found).max()), 1e-9))


def _classical_scaling(distances: FloatArray) -> FloatArray:
    """(n, 2) the two principal axes of points that have these distances, as far as there are any (Torgerson 1952)."""
    n = len(distances)
    squares = distances**2
    products = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    values, axes = eigh(products, subset_by_index=[n - 2, n - 1])
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)  # of the two signs always the same
    return np.asarray(axes * np.sqrt(np.maximum(values, 0)))


def clusters(n: int, edges: IntArray, seed: int) -> IntArray:
    """(n,) the cluster of each entity, 0 the largest: communities (Louvain; Blondel et al. 2008)."""
    world = nx.Graph()
    world.add_nodes_from(range(n))
    world.add_edges_from((a, b) for a, b in edges.tolist() if a != b)
    found = np.zeros(n, dtype=np.int64)
    communities = nx.community.louvain_communities(world, seed=seed)
    for i, members in enumerate(sorted(communities, key=lambda each: (-len(each), min(each)))):
        found[list(members)] = i
    return found


def colors(coordinates: FloatArray, branch: IntArray | None) -> FloatArray:
    """(n,) in [0, 1): cluster by cluster, and round the centre within each, so that near entities have near colours."""
    centered = coordinates - coordinates.mean(axis=0)
    angle = np.arctan2(centered[:, 1], centered[:, 0])
    order = np.lexsort((angle, np.zeros(len(angle)) if branch is None else branch))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return rank / len(order)
