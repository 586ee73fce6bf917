"""The world of a checkpoint, as the API tells it: names, groups, questions, places. Nobody in the dashboard knows more of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from shatterscope.app.kit import theme, words
from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.figures.drawn import Drawn, joined, ring
from shatterscope.app.kit.figures.rings import Groups
from shatterscope.wire.world import GroupInfo, RelationInfo, WorldInfo


class World:
    """Look-ups in a `WorldInfo`."""

    def __init__(self, info: WorldInfo) -> None:
        self.info = info
        self._relations = {relation.name: relation for relation in info.relations}
        self._groups = {group.name: group for group in info.groups}
        self._entities = {name: entity for entity, name in enumerate(info.entities)}
        self._positions: dict[str, list[int]] = {}
        self._drawn: dict[str, Drawn] = {}

    @property
    def rings(self) -> bool:
        """Whether it is the paper's, whose relations are steps along rings (`rings.py`)."""
        return self.info.kind == "rings"

    @property
    def noun(self) -> str:
        """What a group is called."""
        return "ring" if self.rings else "group"

    @property
    def spoken(self) -> bool:
        """Whether its questions are asked in words, of a language model."""
        return any(relation.wordings for relation in self.info.relations)

    def title(self, group: str) -> str:
        return self._groups[group].title

    def name(self, entity: int) -> str:
        """Its number where a link names an entity that the world does not have: the API refuses it, and says so."""
        return self.info.entities[entity] if 0 <= entity < len(self.info.entities) else str(entity)

    def called(self, entity: int) -> str:
        """To begin a sentence with."""
        return self.name(entity) if self.named else f"Entity {entity}"

    def entity(self, text: str) -> int | None:
        """The entity that someone means by its name, in whatever case, or its number; None where there is none such."""
        wanted = " ".join(text.split())
        if wanted in self._entities:
            return self._entities[wanted]
        alike = [entity for name, entity in self._entities.items() if name.casefold() == wanted.casefold()]
        if len(alike) == 1:
            return alike[0]
        number = wanted.casefold().removeprefix("entity ")
        return int(number) if number.isdecimal() and int(number) < len(self.info.entities) else None

    @cached_property
    def named(self) -> bool:
        """Whether entities have names, not numbers alone."""
        return self.info.entities != [str(entity) for entity in range(len(self.info.entities))]

    def has(self, relation: str) -> bool:
        return relation in self._relations

    def relation(self, name: str) -> RelationInfo:
        """Raises `KeyError` for a name that the world does not have."""
        return self._relations[name]

    def group_of(self, relation: str) -> GroupInfo:
        return self._groups[self.relation(relation).group]

    def relations_of(self, group: str) -> list[RelationInfo]:
        return [relation for relation in self.info.relations if relation.group == group]

    def question(self, subject: int, relation: str) -> str:
        return self.relation(relation).phrase.replace("{subject}", self.name(subject))

    def wordings(self, subject: int, relation: str) -> list[str]:
        """In which a language model is asked about `subject`, the plain one first."""
        return [each.text.replace("{subject}", self.name(subject)) for each in self.relation(relation).wordings]

    def told(self, relation: str, wording: int) -> str:
        """One of these, with a blank for the name."""
        return words.blank(self.relation(relation).wordings[wording].text)

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

    def drawn(self, relation: str, entities: list[int] | None, places: list[int]) -> Drawn:
        """What a relation's picture is of: `entities` (None: all) and their `places` are as the API says."""
        if relation not in self._drawn:
            self._drawn[relation] = self._draw(relation, entities, places)
        return self._drawn[relation]

    def _draw(self, relation: str, entities: list[int] | None, places: list[int]) -> Drawn:
        group = self.group_of(relation)
        members = np.arange(len(self.info.entities)) if entities is None else np.asarray(entities, dtype=np.int64)
        names = tuple(map(self.name, members.tolist())) if self.named else None
        if group.shape == "ring" and set(group.members) == set(members.tolist()):
            return ring(np.asarray(places), group.title, members, names)
        row = np.full(len(self.info.entities), -1)
        row[members] = np.arange(len(members))
        edges = row[np.asarray(group.edges, dtype=np.int64).reshape(-1, 2)]
        colors = self.colors(group.name)
        return joined(
            members,
            edges[(edges >= 0).all(axis=1)],
            tuple(colors.get(entity, theme.NEUTRAL) for entity in members.tolist()),
            group.title,
            names,
        )

    @cached_property
    def pictures(self) -> Groups | None:
        """For small pictures of all relations; None for rings, which have an order of their own."""
        if self.rings:
            return None
        titles = {each.name: self.title(each.group) for each in self.info.relations}
        return Groups(titles, lambda relation, entities: self._draw(relation, entities, list(range(len(entities)))))

    def closed(self, group: str) -> bool:
        """Whether the group is one ring, of which every entity has a place."""
        return self._groups[group].shape == "ring"

    def colors_told(self, group: str) -> str:
        """What the colours of a group's pictures mean, in a line."""
        found = self._groups[group]
        if self.closed(group):
            return f"Colour is the place on {found.title}."
        if found.scale == "branches" and found.branch is not None:
            part = {"tree": "branch", "clusters": "cluster", "graph": "cluster"}.get(found.shape, "part")
            return f"Each {part} of {found.title} has its colour."
        if found.scale == "sequential":
            order = np.asarray(found.members)[np.argsort(decode(found.color), kind="stable")]
            return f"Colour runs along {found.title}, from {self.name(int(order[0]))} to {self.name(int(order[-1]))}."
        return f"Colour is the place in {found.title}: what has like colours is near there."

    def colors(self, group: str) -> dict[int, str]:
        """Of each entity in the group, as in its pictures."""
        found = self._groups[group]
        at = decode(found.color).astype(float)
        if found.scale == "branches" and found.branch is not None:
            branch = np.asarray(found.branch)
            colors = [
                theme.branch_color(mine, int(branch.max()) + 1, float((at[branch == mine] < value).mean()))
                for mine, value in zip(branch.tolist(), at.tolist(), strict=True)
            ]
        elif found.scale == "sequential":
            colors = [theme.sequential_color(value) for value in at.tolist()]
        else:
            colors = [theme.ring_color(value) for value in at.tolist()]
        return dict(zip(found.members, colors, strict=True))
