"""Relations' rings before and after an edit: Isomaps of all entities, of which some are handed out. Each picture is work of its own, so that it can
be asked for, waited for and given up by itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import numpy as np

from shatterscope.backend import convert
from shatterscope.backend.activations import activations
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.evaluation import sub_graphs
from shatterscope.backend.geometry import Verdict, fit, shattering
from shatterscope.backend.geometry.alignment import procrustes
from shatterscope.backend.geometry.checks import Float32Array, IntArray
from shatterscope.backend.geometry.projection import Neighbors
from shatterscope.backend.graph import Relation
from shatterscope.backend.model import Transformer
from shatterscope.wire.reproduction import RingPicture, Rings, RingsRequest

AT_ONCE = 3  # pictures of one request: others wait for the same processors


@dataclass(frozen=True)
class Ring:
    """One relation's picture, (n_entities, 2), a row an entity, with what is known of it."""

    embedding: Float32Array
    n_neighbors: int
    winding: int
    shape: Verdict
    chance: float  # of a shapeless cloud's gap, for the pictures after an edit


async def get_rings(laboratory: Laboratory, request: RingsRequest) -> Rings:
    """The pictures before are kept for all edits."""
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    graph, start = checkpoint.graph, time.perf_counter()
    names = request.relations or [relation.name for relation in graph.relations]
    relations = [laboratory.relation(checkpoint, name, "body.relations") for name in names]
    edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
    parts = sub_graphs(graph.config.n_orders, graph.relation(edited.made[-1].spec.relation).order)

    several = asyncio.Semaphore(AT_ONCE)

    async def picture(relation: Relation) -> RingPicture:
        async with several:
            before = await laboratory.compute(
                f"rings/{checkpoint.identity}/{relation.name}", lambda: _before(checkpoint, relation)
            )
            now, R = await laboratory.compute(
                f"rings/{edited.id}/{relation.name}", lambda: _after(checkpoint, edited.model, relation, before)
            )
        shown = _spaced(graph.orders[relation.order], request.entities)
        return RingPicture(
            relation=relation.name,
            sub_graph=parts[relation.order],
            n_neighbors=before.n_neighbors,
            before=convert.array(before.embedding[shown]),
            after=convert.array(now.embedding[shown]),
            winding_before=before.winding,
            winding_after=now.winding,
            shape_before=before.shape,
            shape_after=now.shape,
            shattering=R,
        )

    try:
        pictures = await asyncio.gather(*map(picture, relations))
    except ValueError as error:  # an edit can be strong enough to leave no finite numbers
        raise invalid("body.edit", f"the edited model cannot be drawn: {error}") from None
    return Rings(
        checkpoint=checkpoint.id,
        edit=request.edit,
        entities=min(request.entities, graph.n_entities),
        pictures=pictures,
        seconds=time.perf_counter() - start,
    )


def _before(checkpoint: Checkpoint, relation: Relation) -> Ring:
    points = activations(checkpoint.model, checkpoint.graph.n_entities, relation).cpu()
    return _draw(points.numpy(), checkpoint.graph.positions[relation.order], "auto")


def _after(checkpoint: Checkpoint, model: Transformer, relation: Relation, before: Ring) -> tuple[Ring, float]:
    """Turned and shifted onto the picture before, with R. Raises `ValueError` for a model that puts out no finite numbers."""
    graph = checkpoint.graph
    was, now = (activations(each, graph.n_entities, relation).cpu() for each in (checkpoint.model, model))
    drawn = _draw(now.numpy(), graph.positions[relation.order], before.n_neighbors, before.chance)
    turned = procrustes(drawn.embedding.astype(np.float64), before.embedding.astype(np.float64))
    return replace(drawn, embedding=turned.astype(np.float32)), float(shattering(was[None], now[None])[0])


def _draw(points: Float32Array, positions: IntArray, n_neighbors: Neighbors, chance: float | None = None) -> Ring:
    found = fit(points, positions, dimensions=2, n_neighbors=n_neighbors, chance=chance)
    assert found.map.n_neighbors is not None  # Isomap has some
    shape = found.diagnostics.shape
    embedding, k = found.map.embedding.astype(np.float32), found.map.n_neighbors
    return Ring(embedding, k, shape.winding, shape.verdict, shape.gap_by_chance)


def _spaced(ring: IntArray, n: int) -> IntArray:
    """`n` entities (or all) evenly spaced along a ring, which lists them in its order."""
    return ring[np.arange(min(n, len(ring))) * len(ring) // min(n, len(ring))]
