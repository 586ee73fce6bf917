"""The fixed sets of edits: `open` to develop with, and `sealed`, held apart for claims. Both follow from the seeds in `sets.toml`.

All facts of a world are split in halves, whatever a model makes of them, so that no fact is in both sets. Of its half, a set takes the facts in an order of its
own: those that the model answers right, each changed to an object at every distance, and those that it gets wrong, corrected. A longer set begins with the
shorter one, so that more edits can be added to a table that is there.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.sweeps.plan import known_facts
from shatterscope.backend.worlds import World
from shatterscope.wire.league import SetName

FILE = Path(__file__).with_name("sets.toml")
SEEDS = tomllib.loads(FILE.read_text(encoding="utf-8"))
CORRECTIVE = 0  # in place of a distance
MOST_DISTANCES = 4

Pair = tuple[int, str]
"""Subject and relation."""


@dataclass(frozen=True)
class SetEdit:
    """One edit: what `subject relation` is to be. `distance` is `CORRECTIVE` where that is the truth; `place` counts within its distance."""

    distance: int
    place: int
    subject: int
    relation: str
    object: int


@dataclass(frozen=True)
class EditSet:
    """A set, whole. `right` and `wrong` are the facts of its half in its order, as the unedited model answers them."""

    name: SetName
    distances: tuple[int, ...]
    right: tuple[Pair, ...]
    wrong: tuple[Pair, ...]
    world: World

    def edits(self, n: int) -> list[SetEdit]:
        """`n` edits of every distance, or as many as there are; all distances of a place come before the next place."""
        cells = [list(self._cell(distance, n)) for distance in self.distances]
        return sorted((edit for cell in cells for edit in cell), key=lambda edit: edit.place)

    def stack(self, n: int) -> list[SetEdit]:
        """At most `n` edits to be made one after another, no two of the same fact, their distances in turn."""
        distances = [distance for distance in self.distances if distance != CORRECTIVE]
        found: list[SetEdit] = []
        for subject, relation in self.right:
            if len(found) == n or not distances:
                break
            distance = distances[len(found) % len(distances)]
            object = self._object(subject, relation, distance)
            if object is not None:
                found.append(SetEdit(distance, len(found), subject, relation, object))
        return found

    def _cell(self, distance: int, n: int) -> Iterator[SetEdit]:
        place = 0
        for subject, relation in self.right if distance != CORRECTIVE else self.wrong:
            if place == n:
                return
            object = self._object(subject, relation, distance)
            if object is not None:
                yield SetEdit(distance, place, subject, relation, object)
                place += 1

    def _object(self, subject: int, relation: str, distance: int) -> int | None:
        known = self.world.relation(relation)
        if distance == CORRECTIVE:
            return self.world.object_of(subject, known)
        if self.world.kind != "rings" and distance not in self.world.counterfactuals(subject, known):
            return None
        return self.world.counterfactual(subject, known, distance)


def edit_set(checkpoint: Checkpoint, name: SetName) -> EditSet:
    """The set of that name for this checkpoint."""
    world, known = checkpoint.world, known_facts(checkpoint)
    mine = half(world, SEEDS[name]["half"])
    order = np.random.default_rng([SEEDS[name]["seed"], 5]).permutation(world.n_entities * world.n_relations)
    place = {fact: int(order[fact[0] * world.n_relations + world.relation(fact[1]).index]) for fact in mine}
    right, wrong = (tuple(sorted(mine & {*facts}, key=place.__getitem__)) for facts in (known.right, known.wrong))
    distances = _distances(world, right)
    return EditSet(name, (*distances, CORRECTIVE) if wrong else distances, right, wrong, world)


def half(world: World, which: int) -> set[Pair]:
    """Half of the facts of a world, 0 or 1."""
    subjects, relations = np.nonzero(world.present)
    order = np.random.default_rng([SEEDS["split"], 5]).permutation(len(subjects))[which::2]
    return {(int(subjects[i]), world.relations[int(relations[i])].name) for i in order}


def _distances(world: World, facts: Sequence[Pair]) -> tuple[int, ...]:
    """Those of the file on rings; elsewhere those at which most facts have another object."""
    if world.kind == "rings":
        return tuple(distance for distance in SEEDS["distances"] if distance <= world.n_entities // 2)
    at = Counter(
        distance for subject, relation in facts for distance in world.counterfactuals(subject, world.relation(relation))
    )
    common = sorted(at, key=lambda distance: (-at[distance], distance))[:MOST_DISTANCES]
    return tuple(sorted(common))
