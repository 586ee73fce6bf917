"""How far the damage reaches, as a figure."""

from __future__ import annotations

from typing import Any

from shatterscope.app.kit.figures import damage_figure
from shatterscope.app.kit.state import Edit
from shatterscope.app.kit.world import World
from shatterscope.wire.measures import EvaluationResult


def damage_of(result: EvaluationResult, last: Edit, world: World) -> dict[str, Any]:
    """`last`: the edit that distances are counted from. On a ring each distance has the colours of its places, both ways round."""
    group = world.relation(last.relation).group
    if not world.closed(group):
        return damage_figure(result.damage, None)
    place = world.positions(group)
    return damage_figure(result.damage, place[last.subject], sum(at >= 0 for at in place))
