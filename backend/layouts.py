"""What a relation's picture is judged against: a world's group as a `Layout` of the entities that are drawn. The one place that knows both."""

from __future__ import annotations

import numpy as np

from shatterscope.backend.shapes import Kind, Layout
from shatterscope.backend.worlds import Relation, World
from shatterscope.backend.worlds.base import IntArray

FEWEST = 4  # entities that can have a shape


def layout_of(world: World, relation: Relation) -> tuple[Kind, Layout] | None:
    """Of the entities of `world.domain(relation)`, in this order. None for a ring, whose places say all, and for too few entities."""
    group, rows = world.groups[relation.group], world.domain(relation)
    if group.shape == "ring" or len(rows) < FEWEST:
        return None
    unreached = len(rows)  # further than any way leads

    def steps(i: IntArray, j: IntArray) -> IntArray:
        i, j = np.broadcast_arrays(i, j)
        starts, at = np.unique(i, return_inverse=True)
        away = np.stack([world.distances(relation.group, int(rows[start]))[rows] for start in starts])
        found: IntArray = away[at.reshape(i.shape), j]
        return np.where(found < 0, unreached, found)

    branches = None if group.branch is None else group.branch[rows]
    if branches is not None and len(np.unique(branches)) < 2:
        branches = None
    kind: Kind = "graph" if group.shape == "clusters" and branches is None else group.shape
    coordinates = group.coordinates[rows]
    return kind, Layout(
        len(rows),
        steps,
        order=world.positions(relation),
        branches=branches,
        coordinates=coordinates if np.isfinite(coordinates).all() else None,
    )
