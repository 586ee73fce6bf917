"""The pickers of a question and of the next new object: what they offer in a world, what they stand at, and what someone has chosen by them.

On rings these are three pickers of a relation and a number for each entity; in any other world one picker of a relation, and names where
entities have them. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from shatterscope.app.kit import ids
from shatterscope.app.kit.aims import Aim
from shatterscope.app.kit.rings import RingSteps
from shatterscope.app.kit.state import Target, ViewState
from shatterscope.app.kit.world import World
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]

PICKERS = (ids.SUBJECT, ids.ENTITY, ids.ORDER, ids.DIRECTION, ids.HOPS, ids.RELATION, ids.DISTANCE, ids.OBJECT)
NEAR = 6  # distances that one click chooses, at most


def kind(world: World) -> str:
    """Which of the pickers are seen: `data-world` in the style sheet."""
    return "rings" if world.rings else "named" if world.named else "numbered"


def shown(view: ViewState, world: World, aim: Aim) -> Json:
    """What the pickers stand at; None for those of other worlds."""
    found: Json = dict.fromkeys(PICKERS)
    found |= {ids.SUBJECT: view.subject, ids.DISTANCE: view.target.distance}
    if world.rings:
        on = RingSteps.parse(view.relation)
        return {**found, ids.ORDER: on.order, ids.DIRECTION: on.direction, ids.HOPS: on.hops}
    found[ids.RELATION] = view.relation
    if world.named:
        found[ids.ENTITY] = world.name(view.subject)
        found[ids.OBJECT] = "" if aim.new is None else world.name(aim.new)
    return found


def relations(world: World) -> list[Json]:
    """The options of the one picker of relations."""
    if world.rings:
        return []
    return [
        {"value": each.name, "label": each.phrase.replace("{subject}", "…"), "group": world.group_of(each.name).title}
        for each in world.info.relations
    ]


def names(world: World) -> list[str]:
    """What is offered while someone types a name."""
    return world.info.entities if world.named else []


def wordings(world: World, view: ViewState, checkpoint: CheckpointInfo) -> list[Json]:
    """The options of the picker of the wording that is looked at; of a model that is played back, the mean alone."""
    if checkpoint.language is None:
        return []
    relation = view.see.relation or view.relation
    subject = view.subject if relation == view.relation else world.relation(relation).example
    told = world.wordings(subject, relation)
    one = [{"value": i, "label": text} for i, text in enumerate(told)] if checkpoint.language.recorded is None else []
    return [{"value": "", "label": "all wordings (mean)"}, *one]


def limits(world: World, aim: Aim) -> Json:
    """Of the fields, by their ids; `min` is that of the distance."""
    n = len(world.info.entities)
    low, high = (-(n // 2), n // 2) if world.rings else (1, max(aim.distances, default=1))
    return {ids.SUBJECT: n - 1, ids.DISTANCE: high, "min": low, ids.DISTANCE_SLIDER: max(high, 2)}


def near(world: World, aim: Aim) -> list[Json]:
    """Distances that one click chooses: the first, and where there are more, the farthest."""
    found = list(aim.distances)
    some = [1, 2, 3, 4] if world.rings else found if len(found) <= NEAR else [*found[: NEAR - 1], found[-1]]
    return [{"value": d, "label": str(d), "title": f"{d} step{'' if d == 1 else 's'} past the truth"} for d in some]


def chosen(view: ViewState, world: World, value: Json, changed: Collection[str]) -> tuple[ViewState, list[str]]:
    """The view after these pickers were `changed` to a `value`, and what could not be read."""
    unread: list[str] = []

    def entity(picker: str, now: int | None) -> int | None:
        found = world.entity(str(value[picker] or ""))
        if found is None:
            unread.append(f"No entity is called {str(value[picker] or '')[:40]!r}.")
        return now if found is None else found

    subject = view.subject
    if ids.ENTITY in changed and value[ids.ENTITY]:
        subject = entity(ids.ENTITY, subject) or 0
    elif ids.SUBJECT in changed:
        subject = int(value[ids.SUBJECT] or 0)
    relation = _relation(view.relation, world, value, changed)
    if relation != view.relation and not world.rings and subject not in world.group_of(relation).members:
        subject = world.relation(relation).example  # a question about another group is asked of one of its own
    target = view.target
    # A distance typed or slid wins; a given object holds until the question changes.
    other = target.distance is None and (subject, relation) != (view.subject, view.relation)
    if ids.DISTANCE in changed or other:
        target = Target(int(value[ids.DISTANCE] or target.distance or 1))
    elif ids.OBJECT in changed and value[ids.OBJECT]:
        new = entity(ids.OBJECT, None)
        target = target if new is None else Target(None, new)
    return replace(view, subject=subject, relation=relation, target=target), unread


def _relation(now: str, world: World, value: Json, changed: Collection[str]) -> str:
    if not world.rings:
        return value[ids.RELATION] or now if ids.RELATION in changed else now
    on = RingSteps.parse(now)
    return RingSteps(
        value[ids.ORDER] if ids.ORDER in changed else on.order,
        value[ids.DIRECTION] if ids.DIRECTION in changed else on.direction,
        value[ids.HOPS] if ids.HOPS in changed else on.hops,
    ).name
