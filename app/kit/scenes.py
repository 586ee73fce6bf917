"""From what the API answered to the two scenes, before and after."""

from __future__ import annotations

from shatterscope.app.kit.aims import Aim
from shatterscope.app.kit.figures import Mark, Scene, frames
from shatterscope.app.kit.figures.arrays import FloatArray, decode
from shatterscope.app.kit.world import World
from shatterscope.wire.pictures import ProjectionResult

NAMES = {"subject": "subject", "old": "true object", "new": "new object"}


def scenes_of(
    result: ProjectionResult, world: World, marks: list[Mark], scale: str = "own", shades: FloatArray | None = None
) -> tuple[Scene, Scene]:
    """`shades`: the colours of the scene before, where they do not tell the place."""
    before, after = decode(result.before), decode(result.after)
    drawn = world.drawn(result.relation, result.entities, result.order_position)
    first, second = frames(before, after, shared=result.align == "shared", scale=scale)
    return Scene(before, drawn, first, marks, shades), Scene(after, drawn, second, marks)


def marks_of(aim: Aim, world: World) -> list[Mark]:
    return [Mark(entity, role, f"{NAMES[role]} {world.name(entity)}") for role, entity in aim.marks.items()]
