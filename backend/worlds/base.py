"""What a world is: entities, relations, facts, and all that the rest needs to know of them without knowing which world it is.

A fact is (subject, relation, object). A subject may have no object under a relation (the end of a chain has no next), one, or several (a country
has several neighbours): then any of them is right. Relations belong to groups; a group is what is drawn and judged as one picture, and what an
edit is made in while the others are watched (`evaluation/subgraphs.py`). A world costs one file beside this one and a line in `registry.py`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]

Shape = Literal["ring", "chain", "tree", "grid", "torus", "clusters", "graph"]
Scale = Literal["cyclic", "sequential", "branches"]
Kind = Literal["implied", "contradicted"]

ABSENT = -1
MAX_ENTITIES = 20_000
NEAREST = 12  # consequences told of one edit, at most


class WorldError(ValueError):
    """A world that cannot be; the message says why and what to do."""


@dataclass(frozen=True)
class Relation:
    """`phrase` asks for the object of `{subject}`. `inverse` is the name of the relation that undoes it, if there is one."""

    index: int
    name: str
    group: int
    phrase: str
    inverse: str | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Relations that make one picture.

    Attributes:
        title: as it is said in a sentence, "ring I".
        shape: what the picture is judged as (`backend/shapes`).
        scale: of its colours.
        coordinates: (n_entities, 2 or 3), where each entity stands in the world's own picture; NaN for entities that are not in it.
        color: (n_entities,) in [0, 1], where each entity stands on the scale of colours; NaN as above.
        edges: (m, 2) entities, the lines of the picture and the steps that distances count.
        branch: (n_entities,), which branch or cluster each entity belongs to, -1 for none; None where there are none.
    """

    name: str
    title: str
    shape: Shape
    scale: Scale
    coordinates: FloatArray
    color: FloatArray
    edges: IntArray
    branch: IntArray | None = None

    @cached_property
    def members(self) -> IntArray:
        """The entities of the picture."""
        return np.flatnonzero(np.isfinite(self.coordinates).all(axis=1))

    def positions(self, entities: IntArray) -> IntArray:
        """(len(entities),) the place of each among them, 0, 1, 2, ..., in the order of the colours."""
        by_color = np.argsort(self.color[entities], kind="stable")
        return np.argsort(by_color, kind="stable")


@dataclass(frozen=True)
class Wording:
    """How a question is put in tokens: `before`, the subject, `after`. The answer is read at the last of them."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def around(self, subject: int) -> list[int]:
        """The whole prompt."""
        return [*self.before, subject, *self.after]


@dataclass(frozen=True)
class Rule:
    """Why a held-out fact can be inferred: `text` for a person, `relations` it speaks of."""

    text: str
    relations: tuple[str, ...]


@dataclass(frozen=True)
class Consequence:
    """One question `subject relations` that an edit touches; `truth` in the unedited world, `expected` if the new fact held: None where all that is
    known of it then is that the truth is false."""

    kind: Kind
    explanation: str
    subject: int
    relations: tuple[str, ...]
    truth: int
    expected: int | None


class World:
    """Entities, relations and facts of one world. Compared and hashed by identity.

    Args:
        config: the dataclass that defines it (`registry.py`).
        entities: their names, all different.
        relations: in the order of their indices.
        truths: (n_entities, n_relations, most) objects of every fact, the absent ones `ABSENT`, at the end.
        rules: by which held-out facts can be inferred.

    Attributes:
        objects: (n_entities, n_relations), the first object of every fact, or `ABSENT`.
    """

    kind: ClassVar[str]
    Config: ClassVar[type]
    worded: ClassVar[bool] = (
        False  # whether questions are texts that a language model is asked, and not tokens of their own
    )
    noun: ClassVar[str] = "group"  # what one of its groups is called,
    step_noun: ClassVar[str] = "step"  # and the way from neighbour to neighbour

    def __init__(
        self,
        config: Any,
        entities: Sequence[str],
        groups: Sequence[Group],
        relations: Sequence[Relation],
        truths: IntArray,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.config = config
        self.entities, self.groups, self.relations = tuple(entities), tuple(groups), tuple(relations)
        self.truths, self.rules = truths, tuple(rules)
        self.n_entities, self.n_relations = len(self.entities), len(self.relations)
        self._by_name = {relation.name: relation for relation in self.relations}
        self._distances: dict[tuple[int, int], IntArray] = {}

    @classmethod
    def of(cls, config: Any) -> World:
        """The world that `config` defines. Raises `WorldError` where there can be none."""
        raise NotImplementedError

    # --- names ----------------------------------------------------------------------------------------------------------

    @property
    def group_names(self) -> tuple[str, ...]:
        return tuple(group.name for group in self.groups)

    @property
    def relation_names(self) -> list[str]:
        return [relation.name for relation in self.relations]

    def relation(self, name: str) -> Relation:
        """The relation called `name`; raises `KeyError` naming the known ones."""
        try:
            return self._by_name[name]
        except KeyError:
            known = f"{self.relations[0].name} .. {self.relations[-1].name}"
            raise KeyError(f"unknown relation {name!r}; this world has {known}") from None

    def relations_of(self, group: int) -> list[Relation]:
        return [relation for relation in self.relations if relation.group == group]

    def inverse(self, relation: Relation) -> Relation | None:
        """The relation that undoes it: y inverse(r) x holds exactly when x r y does."""
        return None if relation.inverse is None else self.relation(relation.inverse)

    # --- questions in tokens --------------------------------------------------------------------------------------------

    def wordings(self, relations: Sequence[Relation]) -> tuple[Wording, ...]:
        """How `x r`, or `x r1 r2`, can be asked, the plain way first. A model that was trained on a world knows the bare tokens alone: entity i is token i, and
        relations follow the entities."""
        return (Wording((), tuple(self.n_entities + relation.index for relation in relations)),)

    def prompt(self, subject: int, relations: Sequence[Relation]) -> list[int]:
        """The question put the plain way, in tokens."""
        return self.wordings(relations)[0].around(subject)

    # --- facts ----------------------------------------------------------------------------------------------------------

    @property
    def objects(self) -> IntArray:
        return self.truths[:, :, 0]

    @cached_property
    def present(self) -> BoolArray:
        """(n_entities, n_relations), whether there is a fact."""
        return self.objects != ABSENT

    @cached_property
    def single_valued(self) -> BoolArray:
        """(n_relations,), whether no subject has more than one object."""
        return (self.truths[:, :, 1:] == ABSENT).all(axis=(0, 2))

    def domain(self, relation: Relation) -> IntArray:
        """The entities that have an object: those of which `x relation` is a question."""
        return np.flatnonzero(self.present[:, relation.index])

    def drawn(self, relation: Relation) -> tuple[IntArray, IntArray]:
        """The entities of a relation's picture, its domain, and (m, 2) which rows of these an edge of its group joins."""
        rows, edges = self.domain(relation), self.groups[relation.group].edges
        row = np.full(self.n_entities, ABSENT)
        row[rows] = np.arange(len(rows))
        joined = row[edges]
        return rows, joined[(joined != ABSENT).all(axis=1)]

    def positions(self, relation: Relation) -> IntArray:
        """The place of each entity of the relation's picture in the order of its group."""
        return self.groups[relation.group].positions(self.domain(relation))

    @cached_property
    def total(self) -> bool:
        """Whether every entity has an object under every relation."""
        return bool(self.present.all())

    def object_of(self, subject: int, relation: Relation) -> int:
        """The object, the first where there are several. Raises `ValueError` where there is none."""
        found = int(self.objects[subject, relation.index])
        if found == ABSENT:
            raise ValueError(f"{self.entities[subject]} has no {relation.name}")
        return found

    def objects_of(self, subject: int, relation: Relation) -> list[int]:
        """All objects that are right."""
        found = self.truths[subject, relation.index]
        return [int(each) for each in found[found != ABSENT]]

    def answered(self, relation: Relation, objects: IntArray) -> BoolArray:
        """(n_entities,), whether objects[x] is an object of x; False where x has none."""
        return np.asarray((self.truths[:, relation.index] == objects[:, None]).any(axis=1))

    @cached_property
    def sources(self) -> IntArray:
        """(n_entities, n_relations, most) subjects that have the entity as an object, `ABSENT` at the end."""
        x, r, _ = np.nonzero(self.truths != ABSENT)
        y = self.truths[self.truths != ABSENT]
        place = y * self.n_relations + r
        by_place = np.argsort(place, kind="stable")
        place, x = place[by_place], x[by_place]
        rank = np.arange(len(place)) - np.searchsorted(place, place)
        found = np.full((self.n_entities * self.n_relations, int(rank.max(initial=0)) + 1), ABSENT)
        found[place, rank] = x
        return found.reshape(self.n_entities, self.n_relations, -1)

    @cached_property
    def n_sources(self) -> IntArray:
        """(n_entities, n_relations), how many subjects have the entity as an object."""
        return (self.sources != ABSENT).sum(axis=2)

    @cached_property
    def arriving(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """What leads to each entity: (n_entities, n_relations) relations, the able ones first, and (n_entities,) how many are; then
        (n_entities, n_compositions) compositions, likewise."""
        composed = np.zeros(self.composition_objects.shape, dtype=bool)
        x, pair = np.nonzero(self.composition_objects != ABSENT)
        composed[self.composition_objects[x, pair], pair] = True
        return *able_first(self.n_sources > 0), *able_first(composed)

    @cached_property
    def compositions(self) -> IntArray:
        """(n_compositions, 2) pairs of relation indices of one group that lead somewhere, both single-valued: `x r1 r2` has one answer."""
        pairs = [
            (a.index, b.index)
            for a in self.relations
            for b in self.relations
            if a.group == b.group and self.single_valued[a.index] and self.single_valued[b.index]
        ]
        found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return found[[bool((self._follow(first, second) != ABSENT).any()) for first, second in found]]

    @cached_property
    def composition_objects(self) -> IntArray:
        """(n_entities, n_compositions), the object of `x r1 r2`, or `ABSENT`."""
        first, second = self.compositions.T
        return self._follow(first, second)

    def _follow(self, first: Any, second: Any) -> IntArray:
        middle = self.objects[:, first]
        return np.where(middle == ABSENT, ABSENT, self.objects[middle, second])

    # --- inference ------------------------------------------------------------------------------------------------------

    @cached_property
    def sums(self) -> dict[int, list[int]]:
        """Relation -> the compositions that amount to it: wherever both lead somewhere, they lead to the same entity, and not only once."""
        found: dict[int, list[int]] = {}
        for pair in range(len(self.compositions)):
            reached = self.composition_objects[:, pair]
            for r in np.flatnonzero(self.single_valued).tolist():
                both = (reached != ABSENT) & self.present[:, r]
                if both.sum() > 1 and (reached[both] == self.objects[both, r]).all():
                    found.setdefault(r, []).append(pair)
        return found

    def grounds(self, subject: int, relation: Relation) -> Iterator[list[tuple[int, int]]]:
        """Facts (subject, relation index) that together tell `subject relation`, in as many ways as there are: its inverse; of a relation
        that has none, two facts one after the other."""
        inverse = self.inverse(relation)
        if inverse is not None:
            yield [(y, inverse.index) for y in self.objects_of(subject, relation)]
            return
        for pair in self.sums.get(relation.index, []):
            if self.composition_objects[subject, pair] != ABSENT:
                first, second = self.compositions[pair].tolist()
                yield [(subject, first), (int(self.objects[subject, first]), second)]

    # --- distances ------------------------------------------------------------------------------------------------------

    def distances(self, group: int, entity: int) -> IntArray:
        """(n_entities,) steps from `entity` along the edges of a group, -1 for what cannot be reached."""
        if (group, entity) not in self._distances:
            if len(self._distances) > 4096:
                self._distances.clear()
            self._distances[group, entity] = self._search(group, entity)
        return self._distances[group, entity]

    def _search(self, group: int, entity: int) -> IntArray:
        """Breadth first."""
        found = np.full(self.n_entities, -1)
        found[entity], todo = 0, deque([entity])
        while todo:
            here = todo.popleft()
            for other in self._neighbors[group][here]:
                if found[other] < 0:
                    found[other] = found[here] + 1
                    todo.append(other)
        return found

    @cached_property
    def _neighbors(self) -> list[list[list[int]]]:
        """Of each group and entity."""
        found: list[list[list[int]]] = [[[] for _ in self.entities] for _ in self.groups]
        for near, group in zip(found, self.groups, strict=True):
            for a, b in group.edges.tolist():
                near[a].append(b)
                near[b].append(a)
        return found

    def distance(self, group: int, a: int, b: int) -> int:
        """Steps from a to b along the edges of a group, -1 where none lead there."""
        return int(self.distances(group, a)[b])

    def counterfactuals(self, subject: int, relation: Relation) -> dict[int, list[int]]:
        """New objects by their distance from the true one, nearest first: entities that are objects of this relation and not of this fact."""
        truth = self.object_of(subject, relation)
        away = self.distances(relation.group, truth)
        right = set(self.objects_of(subject, relation))
        found: dict[int, list[int]] = {}
        for entity in np.unique(self.truths[:, relation.index]).tolist():
            if entity != ABSENT and entity not in right and away[entity] > 0:
                found.setdefault(int(away[entity]), []).append(entity)
        return dict(sorted(found.items()))

    def counterfactual(self, subject: int, relation: Relation, distance: int) -> int:
        """An object* at `distance` from the true object; of several the same one every time.

        Raises:
            ValueError: there is none; the message names the distances that there are.
        """
        found = self.counterfactuals(subject, relation)
        if distance not in found:
            known = ", ".join(map(str, found)) or "none"
            raise ValueError(
                f"no other object of {relation.name} stands {distance} steps from the true one; there are: {known}"
            )
        options = found[distance]
        return options[(subject * 31 + relation.index * 7) % len(options)]

    # --- consequences ---------------------------------------------------------------------------------------------------

    def consequences(self, subject: int, relation: Relation, new: int) -> list[Consequence]:
        """What the edit `subject relation new` implies, and what it contradicts; at most `NEAREST`, no question twice."""
        asked: set[tuple[int, tuple[str, ...]]] = set()
        found: list[Consequence] = []
        for each in self._consequences(subject, relation, new):
            question = (each.subject, each.relations)
            if question not in asked and len(found) < NEAREST:
                asked.add(question)
                found.append(each)
        return self._followed(found, subject, relation, new)

    def _followed(self, found: list[Consequence], x: int, r: Relation, new: int) -> list[Consequence]:
        """Where an implied composition arrives, step by step, in a world with the new fact and the single facts that it implies: it may pass through more than one."""
        anew = {(each.subject, *each.relations): each.expected for each in found if each.kind == "implied"}
        anew[x, r.name] = new

        def arrives(each: Consequence) -> int | None:
            at = each.subject
            for name in each.relations:
                known, relation = anew.get((at, name)), self.relation(name)
                if known is None and not self.present[at, relation.index]:
                    return each.expected  # no way leads on from there
                at = self.object_of(at, relation) if known is None else known
            return at

        return [
            replace(each, expected=arrives(each)) if each.kind == "implied" and len(each.relations) > 1 else each
            for each in found
        ]

    def object_of_new(self, x: int, r: Relation, new: int, relation: Relation) -> int:
        """The object of `new` under a relation, the first where there are several, if `x r new` and the same read backwards were true. Raises `ValueError` where there
        is none."""
        if (new, relation) == (x, r):
            return new
        if relation == self.inverse(r) and self.single_valued[relation.index]:
            return x
        return self.object_of(new, relation)

    def _consequences(self, x: int, r: Relation, new: int) -> Iterator[Consequence]:
        """From inverses and compositions, which every world has."""
        name, old = self.entities, self.object_of(x, r)
        inverse, right = self.inverse(r), self.objects_of(x, r)
        single = bool(self.single_valued[r.index])
        if new in right:
            yield Consequence("implied", "The corrected fact itself.", x, (r.name,), new, new)
        elif single:
            yield Consequence("contradicted", f"The old fact: {name[x]} has one {r.name} only.", x, (r.name,), old, new)
            if inverse is not None and self.single_valued[inverse.index]:
                why = f"The old fact read backwards: {inverse.name} of {name[old]} is {name[x]} no longer."
                yield Consequence("contradicted", why, old, (inverse.name,), x, None)
        if inverse is not None and self.single_valued[inverse.index] and self.present[new, inverse.index]:
            truth = self.object_of(new, inverse)
            why = f"The new fact read backwards: {inverse.name} undoes {r.name}."
            yield Consequence("implied", why, new, (inverse.name,), truth, x)
            if truth != x and single:
                why = f"Only one can have {name[new]} as its {r.name}, and that is {name[x]} now."
                yield Consequence("contradicted", why, truth, (r.name,), new, None)
        for total, pairs in self.sums.items():
            for pair in pairs:
                first, second = self.compositions[pair].tolist()
                if first == r.index and total != first and self.present[new, second] and self.present[x, total]:
                    whole, then = self.relations[total].name, self.relations[second].name
                    why = f"A rule: {whole} is {r.name} and then {then}."
                    yield Consequence(
                        "implied",
                        why,
                        x,
                        (whole,),
                        self.object_of(x, self.relations[total]),
                        self.object_of_new(x, r, new, self.relations[second]),
                    )
        for pair in np.flatnonzero(self.compositions[:, 0] == r.index).tolist():
            then = self.relations[int(self.compositions[pair, 1])]
            if (
                then != inverse
                and self.present[new, then.index]
                and (truth := int(self.composition_objects[x, pair])) != ABSENT
            ):
                why = f"From the new object: {then.name} of {name[new]}."
                yield Consequence("implied", why, x, (r.name, then.name), truth, self.object_of(new, then))
        for pair in np.flatnonzero(self.compositions[:, 1] == r.index).tolist():
            to_x = self.relations[int(self.compositions[pair, 0])]
            for z in self.sources[x, to_x.index].tolist()[:1]:
                if z != ABSENT and z != x:
                    why = (
                        f"Through {name[x]}: {to_x.name} of {name[z]} is {name[x]}, whose {r.name} is now {name[new]}."
                    )
                    yield Consequence("implied", why, z, (to_x.name, r.name), old, new)


def able_first(able: BoolArray) -> tuple[IntArray, IntArray]:
    """Of each row of (n, k): the columns that are able, first and in order, and how many there are."""
    if able.all():  # as on rings, where sorting them would be most of the cost of the first edit
        return np.broadcast_to(np.arange(able.shape[1]), able.shape), np.full(len(able), able.shape[1])
    return np.argsort(~able, axis=1, kind="stable"), able.sum(axis=1)
