"""A relation's picture before and after an edit: Isomaps of all its entities, (n, 2), at the relation's own automatic `n_neighbors`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shatterscope.backend.activations import drawn_activations
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.geometry import shattering
from shatterscope.backend.geometry.alignment import procrustes
from shatterscope.backend.geometry.checks import Float32Array, IntArray
from shatterscope.backend.layouts import layout_of
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.pictures import Neighbors, fit
from shatterscope.backend.shapes import Verdict
from shatterscope.backend.worlds import Relation, World


@dataclass(frozen=True)
class Ring:
    """One relation's picture, (n, 2), a row an entity of its domain, with what is known of it. `judged`: whether it has the shape of its group, where
    that is no ring."""

    embedding: Float32Array
    n_neighbors: int
    winding: int
    shape: Verdict
    chance: float  # of a shapeless cloud's gap, for the pictures after an edit
    judged: str | None


def ring_before(checkpoint: Checkpoint, relation: Relation) -> Ring:
    points = drawn_activations(checkpoint.model, checkpoint.world, relation)
    return _draw(points.numpy(), checkpoint.world, relation, "auto")


def ring_after(checkpoint: Checkpoint, model: LanguageModel, relation: Relation, before: Ring) -> tuple[Ring, float]:
    """Of the edited `model`, turned and shifted onto the picture before, with R. Raises `ValueError` where it puts out no finite numbers."""
    world = checkpoint.world
    was, now = (drawn_activations(each, world, relation) for each in (checkpoint.model, model))
    drawn = _draw(now.numpy(), world, relation, before.n_neighbors, before.chance)
    turned = procrustes(drawn.embedding.astype(np.float64), before.embedding.astype(np.float64))
    return replace(drawn, embedding=turned.astype(np.float32)), float(shattering(was[None], now[None])[0])


def _draw(
    points: Float32Array, world: World, relation: Relation, n_neighbors: Neighbors, chance: float | None = None
) -> Ring:
    found = fit(
        points,
        world.positions(relation),
        dimensions=2,
        n_neighbors=n_neighbors,
        chance=chance,
        belongs=layout_of(world, relation),
    )
    assert found.map.n_neighbors is not None  # Isomap has some
    shape, judged = found.diagnostics.shape, found.diagnostics.judgement
    embedding, k = found.map.embedding.astype(np.float32), found.map.n_neighbors
    return Ring(embedding, k, shape.winding, shape.verdict, shape.gap_by_chance, judged.title if judged else None)


def spaced(ring: IntArray, n: int) -> IntArray:
    """`n` entities (or all) evenly spaced along a ring, which lists them in its order."""
    return ring[np.arange(min(n, len(ring))) * len(ring) // min(n, len(ring))]
