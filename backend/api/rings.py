"""Every relation's ring before and after an edit: Isomaps of all entities, of which some are handed out."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from backend.activations import activations
from backend.api import wire
from backend.api.laboratory import Laboratory
from backend.api.problems import invalid
from backend.checkpoints import Checkpoint
from backend.evaluation import sub_graphs
from backend.geometry import fit, shattering
from backend.geometry.alignment import procrustes
from backend.geometry.checks import Float32Array, IntArray
from backend.geometry.projection import Neighbors
from backend.model import Transformer
from backend.reproduction_schemas import RingPicture, Rings, RingsRequest


@dataclass(frozen=True)
class Ring:
    """One relation's picture, (n_entities, 2), a row an entity, with what is known of it."""

    embedding: Float32Array
    n_neighbors: int
    winding: int


async def get_rings(laboratory: Laboratory, request: RingsRequest) -> Rings:
    """The pictures before are kept for all edits."""
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
    graph, start = checkpoint.graph, time.perf_counter()
    parts = sub_graphs(graph.config.n_orders, graph.relation(edited.made[-1].spec.relation).order)

    async def of_order(order: int) -> list[RingPicture]:
        before = await laboratory.compute(f"rings/{checkpoint.identity}/{order}", lambda: _before(checkpoint, order))
        after = await laboratory.compute(
            f"rings/{edited.id}/{order}", lambda: _after(checkpoint, edited.model, order, before)
        )
        shown = _spaced(graph.orders[order], request.entities)
        return [
            RingPicture(
                relation=relation.name,
                sub_graph=parts[order],
                n_neighbors=was.n_neighbors,
                before=wire.array(was.embedding[shown]),
                after=wire.array(now.embedding[shown]),
                winding_before=was.winding,
                winding_after=now.winding,
                shattering=R,
            )
            for relation, was, (now, R) in zip(graph.relations_of_order(order), before, after, strict=True)
        ]

    try:
        pictures = await asyncio.gather(*map(of_order, range(graph.config.n_orders)))
    except ValueError as error:  # an edit can be strong enough to leave no finite numbers
        raise invalid("body.edit", f"the edited model cannot be drawn: {error}") from None
    return Rings(
        checkpoint=checkpoint.id,
        edit=request.edit,
        entities=min(request.entities, graph.n_entities),
        pictures=[picture for each in pictures for picture in each],
        seconds=time.perf_counter() - start,
    )


def _before(checkpoint: Checkpoint, order: int) -> list[Ring]:
    graph = checkpoint.graph
    points = _points(checkpoint, checkpoint.model, order)
    return [_draw(each.numpy(), graph.positions[order], "auto") for each in points]


def _after(checkpoint: Checkpoint, model: Transformer, order: int, before: list[Ring]) -> list[tuple[Ring, float]]:
    """Each turned and shifted onto its picture before, with R. Raises `ValueError` for a model that puts out no finite numbers."""
    was, now = _points(checkpoint, checkpoint.model, order), _points(checkpoint, model, order)
    found = []
    for points, ring in zip(now, before, strict=True):
        drawn = _draw(points.numpy(), checkpoint.graph.positions[order], ring.n_neighbors)
        turned = procrustes(drawn.embedding.astype(np.float64), ring.embedding.astype(np.float64))
        found.append(replace(drawn, embedding=turned.astype(np.float32)))
    return list(zip(found, shattering(was, now).tolist(), strict=True))


def _draw(points: Float32Array, positions: IntArray, n_neighbors: Neighbors) -> Ring:
    found = fit(points, positions, dimensions=2, n_neighbors=n_neighbors)
    assert found.map.n_neighbors is not None  # Isomap has some
    return Ring(found.map.embedding.astype(np.float32), found.map.n_neighbors, found.diagnostics.winding)


def _points(checkpoint: Checkpoint, model: Transformer, order: int) -> Tensor:
    """(relations of the order, n_entities, d_model) on the CPU."""
    graph = checkpoint.graph
    found = [activations(model, graph.n_entities, relation) for relation in graph.relations_of_order(order)]
    return torch.stack(found).cpu()


def _spaced(ring: IntArray, n: int) -> IntArray:
    """`n` entities (or all) evenly spaced along a ring, which lists them in its order."""
    return ring[np.arange(min(n, len(ring))) * len(ring) // min(n, len(ring))]
