"""The protocol in a world of no rings: the distances at which its facts have other objects, and sequences as long as its groups have facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shatterscope.backend.reproduction.protocol import POINTS
from shatterscope.backend.sweeps.plan import KnownFacts, Pair, with_objects_at
from shatterscope.backend.worlds import World
from shatterscope.wire.sweeps import SweepRequest


def fitted(world: World, request: SweepRequest, known: KnownFacts) -> SweepRequest:
    """The same where the world is of rings, or cannot serve it at all: `make_plan` then says why."""
    if world.kind == "rings":
        return request
    distances = _distances(world, known.right, len(request.distances), request.edits_per_cell)
    if not distances:
        return request
    request = request.model_copy(update={"distances": distances})
    if request.sequence is None:
        return request
    edits = min(request.edits_per_cell, _longest(world, known.right, distances, request.sequence.repetitions))
    if not edits:
        return request
    steps = request.sequence.model_copy(update={"every": -(-edits // POINTS)})
    return request.model_copy(update={"edits_per_cell": edits, "sequence": steps})


def _distances(world: World, facts: Sequence[Pair], most: int, edits: int) -> list[int]:
    """At most `most`, those that most facts have first, as long as `edits` facts have all of them."""
    at = Counter(
        distance for subject, relation in facts for distance in world.counterfactuals(subject, world.relation(relation))
    )
    found: list[int] = []
    for distance, _ in sorted(at.items(), key=lambda item: (-item[1], item[0])):
        if len(found) < most and (not found or len(with_objects_at(world, facts, [*found, distance])) >= edits):
            found.append(distance)
    return sorted(found)


def _longest(world: World, facts: Sequence[Pair], distances: Sequence[int], repetitions: int) -> int:
    """Edits that every sequence can have, each sequence of one group in turn and no fact in two."""
    groups = len(world.groups)
    there = Counter(world.relation(relation).group for _, relation in with_objects_at(world, facts, distances))
    turns = Counter(repetition % groups for repetition in range(repetitions))
    return min(there[group] // n for group, n in turns.items())
