"""Is it still one? Drawn figures of each kind, from clean to shuffled; noise is in units of the distance of nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist

from shatterscope.backend.geometry.checks import FloatArray, IntArray
from shatterscope.backend.shapes import Kind, Layout, layout, shape, verdict
from shatterscope.backend.shapes.verdict import FORM, WORDS

Figure = tuple[FloatArray, Layout]


def turn(n: int, share: float = 1) -> FloatArray:
    angle = 2 * np.pi * share * np.arange(n) / n
    return np.column_stack([np.cos(angle), np.sin(angle)])


def parents(branching: int, depth: int) -> IntArray:
    """Of a regular tree, level by level from the root, 0; the root is its own."""
    n = sum(branching**level for level in range(depth + 1))
    return np.maximum((np.arange(n) - 1) // branching, 0)


def tree(branching: int, depth: int) -> Layout:
    above = parents(branching, depth)
    joined = np.zeros((len(above), len(above)))
    joined[np.arange(1, len(above)), above[1:]] = 1
    top = np.arange(len(above))
    while (top > branching).any():
        top = np.where(top > branching, above[top], top)
    return layout.graph(shortest_path(joined, directed=False, unweighted=True).astype(np.int64), branches=top)


def radial(branching: int, depth: int) -> Figure:
    """Drawn in rings round the root, each child within its parent's sector."""
    rings = [turn(branching**level) * level for level in range(depth + 1)]
    shifts = [np.pi / branching**level for level in range(depth + 1)]
    turned = [
        points @ np.array([[np.cos(shift), np.sin(shift)], [-np.sin(shift), np.cos(shift)]])
        for points, shift in zip(rings, shifts, strict=True)
    ]
    return np.vstack(turned), tree(branching, depth)


def summed(branching: int, depth: int, dimensions: int, shrink: float) -> Figure:
    """Each child a random step from its parent, shorter at every level: as representations may hold a tree."""
    above, random = parents(branching, depth), np.random.default_rng(0)
    points, length = np.zeros((len(above), dimensions)), np.ones(len(above))
    for child in range(1, len(above)):
        step = random.standard_normal(dimensions)
        length[child] = length[above[child]] * shrink
        points[child] = points[above[child]] + length[child] * step / np.linalg.norm(step)
    return points, tree(branching, depth)


def cells(width: int, height: int) -> IntArray:
    return np.array([(i, j) for i in range(width) for j in range(height)])


def flat(width: int, height: int) -> Figure:
    return cells(width, height).astype(float), layout.grid(cells(width, height))


def rolled(width: int, height: int) -> Figure:
    """Into a pipe that is nearly closed."""
    i, j = cells(width, height).T
    angle = 1.8 * np.pi * i / width
    pipe = np.column_stack([np.cos(angle), np.sin(angle)]) * width / (2 * np.pi)
    return np.column_stack([pipe, j]), layout.grid(cells(width, height))


def periodic_table() -> Figure:
    """Four periods of 2, 8, 8 and 18 elements: a lattice with holes."""
    periods = [(0, [0, 17]), (1, [0, 1, *range(12, 18)]), (2, [0, 1, *range(12, 18)]), (3, range(18))]
    places = np.array([(column, row) for row, columns in periods for column in columns])
    return places.astype(float), layout.grid(places)


def torus(width: int, height: int) -> Figure:
    known = layout.torus(cells(width, height), width, height)
    assert known.coordinates is not None
    return known.coordinates, known


def donut(width: int, height: int) -> Figure:
    points, known = torus(width, height)
    around = (1 + 0.45 * points[:, 2:3]) * points[:, :2]
    return np.column_stack([around, 0.45 * points[:, 3]]), known


def cylinder(width: int, height: int) -> Figure:
    """A torus that is cut once."""
    points, known = torus(width, height)
    return np.column_stack([points[:, :2], 6 * cells(width, height)[:, 1] / height]), known


def torus_unrolled(width: int, height: int) -> Figure:
    return cells(width, height).astype(float), torus(width, height)[1]


def groups(many: int, members: int, spread: float) -> Figure:
    random = np.random.default_rng(5)
    group = np.repeat(np.arange(many), members)
    centers = 3 * random.standard_normal((many, 3))
    return centers[group] + spread * random.standard_normal((len(group), 3)), layout.clusters(group)


def map_of_neighbors() -> Figure:
    """Places in a square, joined where they are close; some in corners of their own."""
    points = np.random.default_rng(7).random((200, 2))
    steps = shortest_path(cdist(points, points) < 0.12, unweighted=True)
    return points, layout.graph(np.where(np.isfinite(steps), steps, 200).astype(np.int64))


CLEAN, SMALL, LARGE = 0.0, 0.15, 5.0

# Kind, figure, and what it is called: clean, with small noise, with large noise.
TABLE: dict[str, tuple[Kind, Callable[[], Figure], str, str, str]] = {
    "line of 12": (
        "chain",
        lambda: (np.arange(12.0)[:, None] * [1, 2], layout.chain(np.arange(12))),
        "chain",
        "chain",
        "none",
    ),
    "line of 500": (
        "chain",
        lambda: (np.arange(500.0)[:, None] * [1, 2], layout.chain(np.arange(500))),
        "chain",
        "chain",
        "frayed",
    ),
    "horseshoe": ("chain", lambda: (turn(100, 0.7), layout.chain(np.arange(100))), "chain", "chain", "frayed"),
    "closed chain": ("chain", lambda: (turn(100), layout.chain(np.arange(100))), "bent", "bent", "none"),
    "radial binary tree": ("tree", lambda: radial(2, 5), "tree", "tree", "none"),
    "radial tree of 4": ("tree", lambda: radial(4, 4), "tree", "tree", "frayed"),
    "tree in 3 dimensions": ("tree", lambda: summed(3, 4, 3, 0.6), "tree", "tree", "none"),
    "tree in 24 dimensions": ("tree", lambda: summed(5, 3, 24, 0.9), "tree", "tree", "none"),
    "grid 6 x 6": ("grid", lambda: flat(6, 6), "grid", "grid", "none"),
    "grid 24 x 24": ("grid", lambda: flat(24, 24), "grid", "grid", "frayed"),
    "rolled grid": ("grid", lambda: rolled(18, 7), "bent", "bent", "none"),
    "periodic table": ("grid", periodic_table, "grid", "grid", "frayed"),
    "torus 8 x 8": ("torus", lambda: torus(8, 8), "torus", "torus", "none"),
    "torus 24 x 24": ("torus", lambda: torus(24, 24), "torus", "torus", "frayed"),
    "donut": ("torus", lambda: donut(32, 32), "torus", "torus", "frayed"),
    "torus cut once": ("torus", lambda: cylinder(16, 16), "bent", "bent", "none"),
    "torus cut twice": ("torus", lambda: torus_unrolled(16, 16), "bent", "bent", "none"),
    "four groups": ("clusters", lambda: groups(4, 10, 0.3), "clusters", "clusters", "frayed"),
    "twenty groups": ("clusters", lambda: groups(20, 12, 0.3), "clusters", "clusters", "none"),
    "twenty groups that touch": ("clusters", lambda: groups(20, 12, 1.0), "frayed", "frayed", "none"),
    "map": ("graph", map_of_neighbors, "graph", "graph", "frayed"),
}


def noisy(points: FloatArray, noise: float, seed: int = 3) -> FloatArray:
    apart = cdist(points, points)
    np.fill_diagonal(apart, np.inf)
    return points + noise * np.median(apart.min(axis=1)) * np.random.default_rng(seed).standard_normal(points.shape)


@pytest.mark.parametrize("name", TABLE)
def test_a_figure_is_called_what_a_person_calls_it(name: str) -> None:
    kind, figure, clean, small, large = TABLE[name]
    points, known = figure()
    found = [verdict(kind, noisy(points, noise), known) for noise in (CLEAN, SMALL, LARGE)]
    assert [each.word for each in found] == [clean, small, large], [each.statistics for each in found]
    shuffled = points[np.random.default_rng(3).permutation(len(points))]
    assert verdict(kind, shuffled, known).word == "none"


@given(
    name=st.sampled_from(sorted(set(TABLE) - {"donut"})), seed=st.integers(0, 1000), scale=st.sampled_from([1e-6, 4e5])
)
@settings(deadline=None, max_examples=20)
def test_turned_mirrored_shifted_scaled_and_named_anyhow_it_is_the_same(name: str, seed: int, scale: float) -> None:
    kind, figure, _, small, _ = TABLE[name]
    points, known = figure()
    random, d = np.random.default_rng(seed), points.shape[1]
    rotation = np.linalg.qr(random.standard_normal((d, d)))[0]
    rotation[:, 0] *= random.choice([-1, 1])
    moved = (noisy(points, SMALL) @ rotation + random.standard_normal(d)) * scale
    assert verdict(kind, moved, known).word == small


@pytest.mark.parametrize("n", [12, 48, 300])
def test_of_a_ring_it_is_the_verdict_on_the_picture(n: int) -> None:
    order = np.arange(n)
    flattened = np.column_stack([turn(n)[:, 0], 0.01 * turn(n)[:, 1]])
    eight = np.column_stack([turn(n)[:, 1], turn(n, 2)[:, 1]])
    for points in (turn(n), flattened, eight, turn(n)[np.random.default_rng(0).permutation(n)]):
        found = verdict("ring", points, layout.ring(order))
        assert found.word == shape(points, order).verdict
        assert set(found.statistics) == {"neighbors", "probe", "fourier", "loop"}
    assert verdict("ring", turn(n), layout.ring(order)).word == "ring"
    assert verdict("ring", flattened, layout.ring(order)).word == "line", "a stick is never a ring"
    assert verdict("ring", turn(n), layout.ring(order), pieces=2).word == "pieces"


def test_points_all_alike_are_a_point() -> None:
    for kind, known in (("ring", layout.ring(np.arange(9))), ("chain", layout.chain(np.arange(9)))):
        assert verdict(kind, np.full((9, 3), 0.1), known).word == "point"  # type: ignore[arg-type]


def test_a_tree_without_branches_has_a_verdict_too() -> None:
    points, known = radial(3, 3)
    bare = Layout(known.n, known.steps)
    assert verdict("tree", points, bare).word == "tree"
    assert set(verdict("tree", points, bare).statistics) == {"neighbors", "distances"}


def test_every_word_is_explained_and_every_kind_has_one() -> None:
    for title, sentence in WORDS.values():
        assert title
        assert sentence.endswith(".")
    assert set(get_args(Kind)) <= set(WORDS)
    assert set(FORM) == set(get_args(Kind)) - {"ring"}


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="layout's 9 entities, got 8"):
        verdict("chain", turn(8), layout.chain(np.arange(9)))
    with pytest.raises(ValueError, match="the layout has no steps"):
        verdict("chain", turn(9), Layout(9))
    with pytest.raises(ValueError, match="the layout has no order"):
        verdict("chain", turn(9), Layout(9, layout.chain(np.arange(9)).steps))
    with pytest.raises(ValueError, match="the layout has no order"):
        verdict("ring", turn(9), Layout(9))
    with pytest.raises(ValueError, match="kind must be one of"):
        verdict("blob", turn(9), Layout(9))  # type: ignore[arg-type]
