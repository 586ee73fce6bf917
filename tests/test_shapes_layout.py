"""Distances of layouts, against graphs whose shortest paths are searched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path

from shatterscope.backend.geometry.checks import IntArray
from shatterscope.backend.shapes import Layout, layout


def all_steps(known: Layout) -> IntArray:
    every = np.arange(known.n)
    assert known.steps is not None
    return known.steps(every[:, None], every[None])


def searched(edges: list[tuple[int, int]], n: int) -> IntArray:
    joined = np.zeros((n, n))
    joined[tuple(np.array(edges).T)] = 1
    return shortest_path(joined, directed=False, unweighted=True).astype(np.int64)


@given(n=st.integers(3, 20), seed=st.integers(0, 100))
def test_rings_and_chains(n: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(n)
    at = np.argsort(order)
    chained = [(int(at[i]), int(at[i + 1])) for i in range(n - 1)]
    np.testing.assert_array_equal(all_steps(layout.chain(order)), searched(chained, n))
    np.testing.assert_array_equal(all_steps(layout.ring(order)), searched([*chained, (int(at[-1]), int(at[0]))], n))


@given(width=st.integers(3, 6), height=st.integers(3, 5))
def test_grids_and_tori(width: int, height: int) -> None:
    cells = np.array([(i, j) for i in range(width) for j in range(height)])
    right = [(i * height + j, (i + 1) % width * height + j) for i in range(width) for j in range(height)]
    up = [(i * height + j, i * height + (j + 1) % height) for i in range(width) for j in range(height)]
    wrapped = searched(right + up, width * height)
    inner = [(a, b) for a, b in right if b > a] + [(a, b) for a, b in up if b > a]
    np.testing.assert_array_equal(all_steps(layout.torus(cells, width, height)), wrapped)
    np.testing.assert_array_equal(all_steps(layout.grid(cells)), searched(inner, width * height))


def test_a_graph_is_its_matrix() -> None:
    far = np.array([[0, 1, 300], [1, 0, 300], [300, 300, 0]])
    np.testing.assert_array_equal(all_steps(layout.graph(far)), far)


def test_a_ring_stands_on_a_circle_and_a_torus_on_two() -> None:
    np.testing.assert_allclose(layout.ring([0, 2, 1, 3]).coordinates, [[1, 0], [-1, 0], [0, 1], [0, -1]], atol=1e-12)
    np.testing.assert_allclose(
        layout.torus([[0, 0], [1, 2]], 4, 4).coordinates, [[1, 0, 1, 0], [0, 1, -1, 0]], atol=1e-12
    )


def test_bad_layouts_are_named() -> None:
    with pytest.raises(ValueError, match="distances must be"):
        layout.graph([[0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(ValueError, match="distances must be"):
        layout.graph([[1, 1], [1, 0]])
    with pytest.raises(ValueError, match="distances must be"):
        layout.graph([0, 1])
    with pytest.raises(ValueError, match="branches must be an array of 2 integers"):
        layout.graph([[0, 1], [1, 0]], branches=[1, 2, 3])
    with pytest.raises(ValueError, match="coordinates must be finite"):
        layout.graph([[0, 1], [1, 0]], coordinates=[[np.nan], [0]])
    with pytest.raises(ValueError, match="permutation"):
        layout.ring([0, 0, 1])
    with pytest.raises(ValueError, match="permutation"):
        layout.chain([1, 2, 3])
    with pytest.raises(ValueError, match="cells must be"):
        layout.grid([[0.5, 1.0]])
