"""What a relation's picture is judged against: a world's group as a `Layout` of the entities that are drawn. The one place that knows both."""

from __future__ import annotations

from functools import cache

import numpy as np

from shatterscope.backend.shapes import Kind, Layout
from shatterscope.backend.shapes.layout import ring
from shatterscope.backend.worlds import Relation, World
from shatterscope.backend.worlds.base import IntArray

FEWEST = 4  # entities that can have a shape


def belonging(world: World, relation: Relation) -> tuple[Kind, Layout]:
    """`layout_of`, and of a ring its places."""
    return layout_of(world, relation) or ("ring", ring(world.positions(relation)))


def layout_of(world: World, relation: Relation) -> tuple[Kind, Layout] | None:
    """Of the entities of `world.domain(relation)`, in this order. None for a ring, whose places say all. Of too few entities, or where no two are
    neighbours though the shape is one of neighbours, the layout is bare: there is nothing to judge."""
    group = world.groups[relation.group]
    if group.shape == "ring":
        return None
    rows, edges = world.drawn(relation)
    branches = None if group.branch is None else group.branch[rows]
    if branches is not None and len(np.unique(branches)) < 2:
        branches = None
    kind: Kind = "graph" if group.shape == "clusters" and branches is None else group.shape
    if len(rows) < FEWEST or (kind != "clusters" and not len(edges)):
        return kind, Layout(len(rows))

    @cache
    def away() -> IntArray:
        """(n, n), once for all shuffles; what no way leads to is further than any."""
        found = np.stack([world.distances(relation.group, int(row))[rows] for row in rows])
        return np.where(found < 0, len(rows), found)

    def steps(i: IntArray, j: IntArray) -> IntArray:
        found: IntArray = away()[i, j]
        return found

    coordinates = group.coordinates[rows]
    return kind, Layout(
        len(rows),
        steps,
        order=world.positions(relation),
        branches=branches,
        coordinates=coordinates if np.isfinite(coordinates).all() else None,
    )
