"""The world of a checkpoint, as the API tells it: names, groups, questions, places. Nobody in the dashboard knows more of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from shatterscope.app.kit.figures.arrays import decode
from shatterscope.wire.world import GroupInfo, RelationInfo, WorldInfo


class World:
    """Look-ups in a `WorldInfo`."""

    def __init__(self, info: WorldInfo) -> None:
        self.info = info
        self._relations = {relation.name: relation for relation in info.relations}
        self._groups = {group.name: group for group in info.groups}
        self._positions: dict[str, list[int]] = {}

    def name(self, entity: int) -> str:
        return self.info.entities[entity]

    @cached_property
    def named(self) -> bool:
        """Whether entities have names, not numbers alone."""
        return self.info.entities != [str(entity) for entity in range(len(self.info.entities))]

    def relation(self, name: str) -> RelationInfo:
        """Raises `KeyError` for a name that the world does not have."""
        return self._relations[name]

    def group_of(self, relation: str) -> GroupInfo:
        return self._groups[self.relation(relation).group]

    def question(self, subject: int, relation: str) -> str:
        return self.relation(relation).phrase.replace("{subject}", self.name(subject))

    def positions(self, group: str) -> list[int]:
        """The place of every entity in the order of the group's colours, on a ring the place on it; -1 for those that are not in it."""
        if group not in self._positions:
            found = self._groups[group]
            places = np.full(len(self.info.entities), -1)
            places[np.asarray(found.members)[np.argsort(decode(found.color), kind="stable")]] = np.arange(
                len(found.members)
            )
            self._positions[group] = places.tolist()
        return self._positions[group]
