"""Isomap: exact shortest paths, scikit-learn's map, and graphs that fall apart."""

from __future__ import annotations

import warnings
from typing import Literal

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist
from sklearn.manifold import Isomap

from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.geometry.geodesics import all_shortest_paths
from shatterscope.backend.geometry.isomap import fit_isomap
from shatterscope.backend.geometry.neighbors import (
    NeighborGraph,
    automatic_n_neighbors,
    has_cut_point,
    nearest_neighbors,
    neighbor_graph,
)
from shatterscope.backend.shapes import winding_number


def ring(
    n: int = 400, d: int = 24, noise: float = 0.0, seed: int = 0, turns: tuple[int, ...] = (1, 2, 5)
) -> FloatArray:
    """A smooth closed curve of several frequencies in d dimensions, like the representations of one order."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * np.arange(n) / n
    waves = np.concatenate([[np.cos(t * angle), np.sin(t * angle)] for t in turns]).T
    basis = np.linalg.qr(rng.standard_normal((d, waves.shape[1])))[0]
    return np.asarray(waves @ basis.T + noise * rng.standard_normal((n, d)))


def cloud(n: int = 400, d: int = 5, seed: int = 0) -> FloatArray:
    """A tangle: axes of different extent, so that the leading axes of its map are determined."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.standard_normal((n, d)) * (3.0 / np.arange(1, d + 1)))


@given(n=st.integers(1, 40), n_edges=st.integers(0, 120), zero=st.booleans(), seed=st.integers(0, 10**6))
def test_elimination_finds_the_shortest_paths(n: int, n_edges: int, zero: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, n, (n_edges, 2)), axis=1)
    ends = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
    length = rng.random(len(ends)) + 0.01
    if zero:  # duplicate points
        length[: len(length) // 3] = 0
    graph = NeighborGraph(n, ends[:, 0], ends[:, 1], length)
    order, distances = all_shortest_paths(graph)
    expected = dijkstra(coo_array((length, (ends[:, 0], ends[:, 1])), shape=(n, n)).tocsr(), directed=False)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_allclose(distances, expected[np.ix_(order, order)], rtol=1e-5, atol=1e-6)


def test_nearest_neighbors_leave_the_point_itself_out_but_not_its_double() -> None:
    points = np.array([[0.0], [0.0], [1.0], [3.0]])
    index, distance = nearest_neighbors(points, 1)
    assert index[:2, 0].tolist() == [1, 0]
    assert distance[:, 0].tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("n", [150, 400])  # the full and the truncated eigen-decomposition
def test_a_circle_projects_to_a_circle(n: int) -> None:
    points = ring(n, turns=(1,))
    for dimensions in (2, 3):
        fitted = fit_isomap(points, dimensions)
        radius = np.linalg.norm(fitted.embedding[:, :2], axis=1)
        assert radius.std() / radius.mean() < 1e-3
        assert abs(winding_number(fitted.embedding, np.arange(n))) == 1
        assert fitted.n_components == 1
        assert fitted.n_neighbors == 2
        assert fitted.residual_variance < 0.05


def test_a_grid_keeps_its_distances() -> None:
    """Unrolled from a cylinder; as in scikit-learn's tests, but up to the detours of a grid graph."""
    u, v = np.meshgrid(np.linspace(0, 2, 20), np.linspace(0, 1, 15))
    points = np.stack([np.sin(u), np.cos(u), v], axis=-1).reshape(-1, 3)
    fitted = fit_isomap(points, 2, 8)
    flat = np.stack([u, v], axis=-1).reshape(-1, 2)
    assert np.corrcoef(pdist(fitted.embedding), pdist(flat))[0, 1] > 0.999
    assert fitted.residual_variance < 1e-2


@pytest.mark.parametrize(
    "points",
    [ring(noise=0.002), ring(noise=0.05), cloud(), cloud(300, seed=1)],
    ids=["ring", "noisy ring", "cloud", "smaller cloud"],
)
@pytest.mark.parametrize("k", ["auto", 3, 12])
def test_agrees_with_scikit_learn(points: FloatArray, k: int | Literal["auto"]) -> None:
    ours = fit_isomap(points, 3, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of components, which are data here
        theirs = Isomap(n_neighbors=ours.n_neighbors, n_components=3).fit_transform(points)
    assert procrustes(theirs, ours.embedding)[2] < 1e-4
    assert procrustes(theirs[:, :2], ours.embedding[:, :2])[2] < 1e-4
    assert pdist(ours.embedding).sum() == pytest.approx(pdist(theirs).sum(), rel=1e-3)  # same size, too


def neighbor_net(points: FloatArray, k: int) -> networkx.Graph:
    graph = neighbor_graph(points, k)[0]
    net = networkx.empty_graph(graph.n)
    net.add_edges_from(zip(graph.source.tolist(), graph.target.tolist(), strict=True))
    return net


def test_the_automatic_number_is_the_smallest_that_hangs_on_no_point() -> None:
    points = cloud(d=2)
    k, components = automatic_n_neighbors(points)
    assert components == 1
    assert networkx.is_biconnected(neighbor_net(points, k))
    assert not networkx.is_biconnected(neighbor_net(points, k - 1))
    assert fit_isomap(points, 2).n_neighbors == k


def test_where_one_point_always_holds_two_parts_together_the_smallest_that_connects_is_taken() -> None:
    far = 1 + 1e-3 * np.arange(50)
    points = np.concatenate([-far, [0.0], far])[:, None]
    k, components = automatic_n_neighbors(points)
    assert (k, components) == (2, 1)


@given(n=st.integers(2, 14), share=st.floats(0.1, 0.8), seed=st.integers(0, 10**6))
def test_cut_points_are_those_that_networkx_finds(n: int, share: float, seed: int) -> None:
    net = networkx.gnp_random_graph(n, share, seed)
    net.add_edges_from((v, v + 1) for v in range(n - 1) if seed % 2 or not networkx.is_connected(net))
    adjacency = networkx.to_scipy_sparse_array(net, dtype=np.int8, format="csr")
    assert has_cut_point(adjacency) == (next(networkx.articulation_points(net), None) is not None)


def test_a_graph_that_falls_apart_is_reported_and_still_drawn() -> None:
    points = np.concatenate([cloud(60), cloud(60) + 100, cloud(60) - 100])
    fitted = fit_isomap(points, 3, 5)
    assert fitted.n_components == 3
    assert np.isfinite(fitted.embedding).all()
    assert automatic_n_neighbors(points) == (automatic_n_neighbors(cloud(60))[0], 3)


def test_points_placed_later_lie_among_their_neighbors() -> None:
    points = ring()
    fitted = fit_isomap(points, 2)
    np.testing.assert_allclose(fitted.transform(points[:5]), fitted.embedding[:5], atol=1e-4)
    between = fitted.transform((points[:-1] + points[1:]) / 2)
    middle = (fitted.embedding[:-1] + fitted.embedding[1:]) / 2
    spacing = np.linalg.norm(np.diff(fitted.embedding, axis=0), axis=1).mean()
    assert np.linalg.norm(between - middle, axis=1).max() < spacing


def test_scikit_learn_places_later_points_there_too() -> None:
    points, later = cloud(), cloud(50, seed=7)
    ours, theirs = fit_isomap(points, 2, 6), Isomap(n_neighbors=6, n_components=2).fit(points)
    signs = np.sign((ours.embedding * theirs.embedding_).sum(axis=0))
    np.testing.assert_allclose(ours.transform(later) * signs, theirs.transform(later), atol=1e-2)


def test_the_same_points_give_the_same_picture() -> None:
    np.testing.assert_array_equal(fit_isomap(cloud(), 3).embedding, fit_isomap(cloud(), 3).embedding)


@settings(max_examples=30)
@given(
    n=st.integers(2, 6),
    d=st.integers(1, 4),
    distinct=st.integers(1, 6),
    k=st.sampled_from((1, 2, 10, "auto")),
    scale=st.sampled_from([1e-20, 1.0, 1e20]),
    seed=st.integers(0, 1000),
)
def test_tiny_and_degenerate_inputs_are_drawn(
    n: int, d: int, distinct: int, k: int | Literal["auto"], scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = scale * rng.standard_normal((distinct, d))[rng.integers(0, distinct, n)]
    fitted = fit_isomap(points, 3, k)
    assert fitted.embedding.shape == (n, 3)
    assert np.isfinite(fitted.embedding).all()
    assert 1 <= fitted.n_components <= n
    assert 0 <= fitted.residual_variance <= 1
    assert np.isfinite(fitted.transform(points + scale)).all()


@pytest.mark.parametrize("n", [50, 300])
def test_all_points_alike_stay_one_point(n: int) -> None:
    fitted = fit_isomap(np.ones((n, 24)), 3, 4)
    assert not fitted.embedding.any()
    assert not fitted.transform(np.zeros((n, 24))).any()


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="n_neighbors must be at least 1"):
        fit_isomap(cloud(), 2, 0)
    broken = cloud()
    broken[3, 1] = np.inf
    with pytest.raises(ValueError, match="NaN or infinite coordinates in 1 of 400 rows"):
        fit_isomap(broken, 2)
    with pytest.raises(ValueError, match="5 columns"):
        fit_isomap(cloud(), 2).transform(np.zeros((2, 4)))
