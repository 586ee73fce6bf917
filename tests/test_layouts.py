"""A world's group as shapes know it."""

from __future__ import annotations

import numpy as np
import pytest
from families import Families, FamiliesConfig

from shatterscope.backend.layouts import layout_of
from shatterscope.backend.pictures import compare, fit
from shatterscope.backend.worlds.rings import Rings, RingsConfig


@pytest.fixture(scope="module")
def world() -> Families:
    return Families.of(FamiliesConfig())


@pytest.mark.parametrize(("relation", "kind"), [("parent", "tree"), ("next born", "chain")])
def test_steps_are_those_along_the_edges_of_the_group(world: Families, relation: str, kind: str) -> None:
    known = world.relation(relation)
    found = layout_of(world, known)
    assert found is not None
    assert found[0] == kind
    layout, rows = found[1], world.domain(known)
    i, j = np.meshgrid(np.arange(len(rows)), np.arange(len(rows)), indexing="ij")
    expected = [[world.distance(known.group, a, b) for b in rows.tolist()] for a in rows.tolist()]
    assert layout.steps is not None
    assert np.array_equal(layout.steps(i, j), expected)
    assert np.array_equal(layout.steps(i[:, :1], j), expected), "broadcast"


def test_a_ring_has_none() -> None:
    rings = Rings(RingsConfig(n_entities=24, n_orders=1, n_hops=1))
    assert layout_of(rings, rings.relations[0]) is None


def test_a_picture_is_judged_by_the_shape_of_its_group(world: Families) -> None:
    known = world.relation("next born")
    along = np.linspace(0, 1, len(world.domain(known)))
    line = np.column_stack([along, along**2, 0 * along])
    before = fit(line, world.positions(known), dimensions=2, belongs=layout_of(world, known))
    assert before.diagnostics.judgement is not None
    assert before.diagnostics.judgement.word == "chain"
    shuffled = compare(before, line[np.random.default_rng(0).permutation(len(line))]).diagnostics_after.judgement
    assert shuffled is not None
    assert shuffled.word in ("none", "frayed")
    assert shuffled.statistics["order"].value < 0.5 < before.diagnostics.judgement.statistics["order"].value


def test_where_nothing_joins_nothing_is_judged(world: Families) -> None:
    """The leaves of a tree have no edges among them."""
    known = world.relation("child")
    leaves = Families.of(FamiliesConfig())
    leaves.truths[:8, known.index] = -1
    leaves.truths[8:, known.index, 0] = 0
    points = np.random.default_rng(0).normal(size=(len(leaves.domain(known)), 4))
    judged = fit(points, leaves.positions(known), belongs=layout_of(leaves, known)).diagnostics.judgement
    assert judged is not None
    assert judged.word == "unjudged"
