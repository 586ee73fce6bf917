"""What is asked and what would be taught, looked up: on rings by arithmetic, in any other world by the API."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.rings import RingSteps, object_at, signed_distance
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.kit.world import World


@dataclass(frozen=True)
class Aim:
    """A question and the next edit of its answer.

    Attributes:
        truths: the objects that are right; none where the subject has no such fact.
        new: the object to be taught, where there is one.
        distance: steps from the first truth to it, where the target says or the world knows; on a ring with a sign.
        distances: those that can be asked for; empty on rings, where all up to half of the ring can.
    """

    subject: int
    truths: tuple[int, ...]
    new: int | None
    distance: int | None = None
    distances: tuple[int, ...] = ()

    @property
    def marks(self) -> dict[str, int]:
        """The entities to be marked, by their role."""
        found = {"subject": self.subject, "old": self.truths[0] if self.truths else None, "new": self.new}
        return {role: entity for role, entity in found.items() if entity is not None}


async def look_up(client: Client, checkpoint: str, subject: int, relation: str, target: Target) -> Aim:
    """Raises `ApiError`."""
    world = await client.world(checkpoint)
    if world.rings:
        return _on_ring(world, subject, relation, target)
    found = await client.targets(checkpoint, subject, relation)
    at = {each.distance: each.objects for each in found.targets}
    new, distance = target.object, target.distance
    if distance is not None:
        new = next(iter(at.get(distance, ())), None)  # the one that the API takes
    else:
        distance = next((steps for steps, objects in at.items() if new in objects), None)
    return Aim(subject, tuple(found.truths), new, distance, tuple(at))


async def marks(client: Client, checkpoint: str, edit: Edit) -> dict[str, int]:
    """The entities of an edit by their role, as far as its world has them: a link may name any. Raises `ApiError`."""
    world = await client.world(checkpoint)
    n = len(world.info.entities)
    if not world.has(edit.relation) or edit.subject >= n:
        return {}
    found = (await look_up(client, checkpoint, edit.subject, edit.relation, edit.target)).marks
    return {role: entity for role, entity in found.items() if entity < n}


def _on_ring(world: World, subject: int, relation: str, target: Target) -> Aim:
    on = RingSteps.parse(relation)
    place = world.positions(on.order)
    truth = object_at(place, subject, on, 0)
    if target.object is not None and target.object >= len(place):
        return Aim(subject, (truth,), target.object)
    if target.object is not None:
        return Aim(subject, (truth,), target.object, signed_distance(place, subject, on, target.object))
    assert target.distance is not None
    return Aim(subject, (truth,), object_at(place, subject, on, target.distance), target.distance)


async def settled(client: Client, view: ViewState, checkpoint: str) -> ViewState:
    """A view that fits its checkpoint (`actions.fit`), with a wording and a target that there are: the nearest target to a distance that no object
    stands at. Raises `ApiError`."""
    world = await client.world(checkpoint)
    wordings = world.relation(view.see.relation or view.relation).wordings
    if view.see.wording is not None and view.see.wording >= len(wordings):
        view = replace(view, see=replace(view.see, wording=None))
    if world.rings:
        return view
    found = await client.targets(checkpoint, view.subject, view.relation)
    if not found.truths and view.subject == ViewState().subject:
        view = replace(view, subject=world.relation(view.relation).example)
        found = await client.targets(checkpoint, view.subject, view.relation)
    distances = [each.distance for each in found.targets]
    asked = view.target.distance
    if asked is None or asked in distances or not distances:
        return view
    return replace(view, target=Target(min(distances, key=lambda distance: abs(distance - asked))))
