"""Relations' rings before and after an edit. Each picture is work of its own, so that it can be asked for, waited for and given up by itself."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from shatterscope.backend import convert
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.evaluation import sub_graphs
from shatterscope.backend.geometry.checks import IntArray
from shatterscope.backend.reproduction.rings import ring_after, ring_before, spaced
from shatterscope.backend.worlds import Relation, World
from shatterscope.wire.reproduction import RingPicture, RingsRequest, RingsResult

AT_ONCE = 3  # pictures of one request: others wait for the same processors


async def get_rings(laboratory: Laboratory, request: RingsRequest) -> RingsResult:
    """The pictures before are kept for all edits."""
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    world, start = checkpoint.world, time.perf_counter()
    names = request.relations or [relation.name for relation in world.relations]
    relations = [laboratory.relation(checkpoint, name, "body.relations") for name in names]
    edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
    parts = sub_graphs(len(world.groups), world.relation(edited.made[-1].spec.relation).group)

    several = asyncio.Semaphore(AT_ONCE)

    async def picture(relation: Relation) -> RingPicture:
        async with several:
            before = await laboratory.compute(
                f"rings/{checkpoint.identity}/{relation.name}", lambda: ring_before(checkpoint, relation)
            )
            now, R = await laboratory.compute(
                f"rings/{edited.id}/{relation.name}", lambda: ring_after(checkpoint, edited.model, relation, before)
            )
        shown = spaced(np.argsort(world.positions(relation)), request.entities)
        return RingPicture(
            relation=relation.name,
            sub_graph=parts[relation.group],
            n_neighbors=before.n_neighbors,
            entities=_entities(world, relation, shown),
            before=convert.array(before.embedding[shown]),
            after=convert.array(now.embedding[shown]),
            winding_before=before.winding,
            winding_after=now.winding,
            shape_before=before.shape,
            shape_after=now.shape,
            judged_before=before.judged,
            judged_after=now.judged,
            shattering=R,
        )

    try:
        pictures = await asyncio.gather(*map(picture, relations))
    except ValueError as error:  # an edit can be strong enough to leave no finite numbers
        raise invalid("body.edit", f"the edited model cannot be drawn: {error}") from None
    return RingsResult(
        checkpoint=checkpoint.id,
        edit=request.edit,
        entities=min(request.entities, world.n_entities),
        pictures=pictures,
        seconds=time.perf_counter() - start,
    )


def _entities(world: World, relation: Relation, shown: IntArray) -> list[int] | None:
    """Which entity each row of a picture shows; of a ring its places say enough."""
    if world.groups[relation.group].shape == "ring":
        return None
    found: list[int] = world.domain(relation)[shown].tolist()
    return found
