"""A world of given facts, written as CSV text (`facts_csv.py`). The config holds the text itself, so that a checkpoint carries its world.

What the text does not say follows from it:
- A relation is many-valued when its options say so, or when most of its subjects have several objects. Else a second object is a contradiction.
- Every relation has an inverse: the one its options name, itself where each fact is there both ways round (borders), another relation that is
  its exact reverse, else one that is added. So text goes on from every entity, and a held-out fact can be inferred from its inverse.
- Where `x r1 r2` is always the object of `x t` (a country's subregion's region is the country's region), that is a rule too.
- Steps of distance are facts, either way round: Paris is 3 from Rome where France borders Italy, however many from Lima. Parts of a group that no
  fact joins count as joined at their centres, one step apart, so that some other object can be named for every fact.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from shatterscope.backend.worlds.base import (
    ABSENT,
    Consequence,
    FloatArray,
    Group,
    IntArray,
    Relation,
    Rule,
    Scale,
    Shape,
    World,
)
from shatterscope.backend.worlds.facts_csv import (
    FactsError,
    LayoutRow,
    Problems,
    StatedFact,
    read_places,
    read_rows,
    read_text,
    warn_of_likeness,
)
from shatterscope.backend.worlds.graph_layout import clusters, colors, graph_layout

FEWEST_ENTITIES, MOST_ENTITIES = 8, 2000  # fewer make no picture; more are not learned in minutes
MAX_RELATIONS = 100  # with inverses
MAX_CELLS = 10_000_000  # entities x relations x objects of one fact, and entities x pairs of relations: what a server holds in memory
FEWEST_CASES = 5  # of a rule
TOLD_EACH = 3  # contradictions of one relation
DEFAULT_GROUP = "facts"
PREPOSITIONS = {"of", "in", "by", "to", "at", "on", "for", "from", "with", "near", "after", "before"}


@dataclass(frozen=True)
class RelationOptions:
    """`phrase` asks for the object of `{subject}`; `many`: whether a subject may have several objects (None: what most have)."""

    phrase: str | None = None
    inverse: str | None = None
    many: bool | None = None


@dataclass(frozen=True)
class GroupOptions:
    title: str | None = None
    shape: Shape = "graph"
    scale: Scale = "branches"


@dataclass(frozen=True)
class FactsConfig:
    """All that decides a world of given facts.

    Attributes:
        facts: CSV text, `subject,relation,object` and optionally `group`.
        layout: CSV text, `entity,x,y` and optionally `z`, `color`, `branch`, `group`; empty: as far apart as they are steps apart (`graph_layout.py`).
        relations: options of relations, by name; also of the inverses that are added.
        groups: options of groups, by name.
    """

    facts: str
    layout: str = ""
    relations: dict[str, RelationOptions] = field(default_factory=dict)
    groups: dict[str, GroupOptions] = field(default_factory=dict)
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("held_out_facts", "held_out_compositions"):
            if not 0 <= getattr(self, name) <= 0.5:  # above one half a fact and its inverse would have to go together
                raise ValueError(f"{name} must lie in [0, 0.5], got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in 0..2^32 - 1, got {self.seed}")


class Facts(World):
    """
    Attributes:
        warnings: what may be wrong with the facts.
        added: names of the inverses that the text does not have.
    """

    kind: ClassVar[str] = "facts"
    Config: ClassVar[type] = FactsConfig
    config: FactsConfig

    def __init__(self, config: FactsConfig) -> None:
        problems = Problems()
        table = _Table.of(config, problems)
        super().__init__(config, table.entities, (), table.relations, table.truths)
        self._composed = list(self._find_composed())
        self.rules = tuple(self._find_rules())
        self.groups = tuple(_groups(self, table.groups, problems))
        problems.stop()
        self.warnings, self.added = tuple(problems.warnings), table.added

    @classmethod
    def of(cls, config: FactsConfig) -> Facts:
        return cls(config)

    # --- rules ------------------------------------------------------------------------------------------------------------

    def _find_rules(self) -> Iterator[Rule]:
        for relation in self.relations:
            inverse = self.inverse(relation)
            if inverse is relation:
                yield Rule(f"{relation.name} holds both ways round", (relation.name,))
            elif inverse is not None and inverse.index > relation.index:
                yield Rule(f"{inverse.name} undoes {relation.name}", (relation.name, inverse.name))
        for first, second, whole in self._composed:
            names = first.name, second.name, whole.name
            yield Rule(f"{names[2]} is {names[0]} and then {names[1]}", names)

    def _find_composed(self) -> Iterator[tuple[Relation, Relation, Relation]]:
        """(r1, r2, t) where `x r1 r2` and `x t` agree wherever both are there, in enough cases and on more than one object."""
        there = self.composition_objects != ABSENT
        for whole in self.relations:
            if not self.single_valued[whole.index]:
                continue
            column = self.objects[:, whole.index, None]
            both = there & (column != ABSENT)
            agree = (both.sum(axis=0) >= FEWEST_CASES) & ((self.composition_objects == column) | ~both).all(axis=0)
            for pair in np.flatnonzero(agree).tolist():
                first, second = (self.relations[int(index)] for index in self.compositions[pair])
                different = len(np.unique(self.objects[both[:, pair], whole.index])) > 1
                if first.group == whole.group and different:
                    yield first, second, whole

    def _consequences(self, x: int, r: Relation, new: int) -> Iterator[Consequence]:
        """The rules of composition first, then what every world has."""
        name = self.entities
        for first, second, whole in self._composed:
            why = f"{whole.name} is {first.name} and then {second.name}."
            if r is first and self.present[x, whole.index] and self.present[new, second.index]:
                truth, expected = self.object_of(x, whole), self.object_of_new(x, r, new, second)
                yield Consequence("implied", why, x, (whole.name,), truth, expected)
            elif r is whole and (middle := int(self.objects[x, first.index])) != ABSENT:
                if self.present[middle, second.index]:
                    truth = self.object_of(middle, second)
                    why = f"{why} {first.name} of {name[x]} is still {name[middle]}."
                    yield Consequence("contradicted", why, x, (first.name, second.name), truth, new)
            elif r is second:
                for z in self.sources[x, first.index].tolist()[:2]:
                    if z != ABSENT and self.present[z, whole.index]:
                        yield Consequence("implied", why, z, (whole.name,), self.object_of(z, whole), new)
        yield from super()._consequences(x, r, new)

    # --- pictures -----------------------------------------------------------------------------------------------------------

    def spoken_of(self, group: int) -> IntArray:
        """The entities that a group's facts speak of."""
        columns = [relation.index for relation in self.relations if relation.group == group]
        truths = self.truths[:, columns]
        return np.union1d(np.flatnonzero((truths != ABSENT).any(axis=(1, 2))), truths[truths != ABSENT])

    def steps(self, group: int) -> IntArray:
        """(m, 2) pairs that a fact of the group joins, each once, the smaller first; but a fact that follows by way of a class of
        several (a country's region, by its subregion) is no step: else all countries of a region were equally near."""
        kept = self.truths != ABSENT
        # The pairs of an inverse are those of its relation.
        columns = [r for r in self.relations if r.group == group and self._inverse(r).index >= r.index]
        longer: set[Relation] = set()
        for whole in reversed(columns):
            for first, second, composed in self._composed:
                by_class = not self.single_valued[self._inverse(first).index]
                if composed is whole and by_class and first is not whole and not longer & {first, second}:
                    longer |= {whole, self._inverse(whole)}
                    middle = self.objects[:, first.index]
                    follows = (middle != ABSENT) & (self.objects[middle, second.index] != ABSENT)
                    kept[follows & (middle != np.arange(self.n_entities)), whole.index] = False
                    break
        x, r, k = np.nonzero(kept[:, [each.index for each in columns]])
        pairs = np.column_stack([x, self.truths[:, [each.index for each in columns]][x, r, k]])
        return np.unique(np.sort(pairs, axis=1), axis=0)

    def _inverse(self, relation: Relation) -> Relation:
        return self.relation(str(relation.inverse))

    # --- distances ----------------------------------------------------------------------------------------------------------

    def _search(self, group: int, entity: int) -> IntArray:
        found = super()._search(group, entity)
        home = self._from_center[group]
        away = (found < 0) & (home >= 0)
        if home[entity] >= 0:
            found[away] = home[entity] + 1 + home[away]
        return found

    @cached_property
    def _from_center(self) -> list[IntArray]:
        """Of each group (n_entities,): steps from the centre of each entity's connected part, -1 outside of the group."""
        return [self._centers(index) for index in range(len(self.groups))]

    def _centers(self, group: int) -> IntArray:
        """The centre: from where the two ends of a longest way are reached soonest (of several the first)."""
        home = np.full(self.n_entities, -1)
        for member in self.groups[group].members.tolist():
            if home[member] < 0:
                one = super()._search(group, member)
                part = np.flatnonzero(one >= 0)
                end = super()._search(group, int(one.argmax()))
                other = super()._search(group, int(end.argmax()))
                center = part[np.maximum(end, other)[part].argmin()]
                home[part] = super()._search(group, int(center))[part]
        return home


# --- from the text to a table of facts ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    entities: list[str]
    relations: list[Relation]
    truths: IntArray
    groups: list[str]
    added: tuple[str, ...]

    @classmethod
    def of(cls, config: FactsConfig, problems: Problems) -> _Table:
        """Raises `FactsError` with all that is wrong with the facts."""
        rows = read_rows(config.facts, problems)
        entities = list(dict.fromkeys(name for row in rows for name in (row.subject, row.object)))
        _check_entities(entities, rows, problems)
        pairs: dict[str, list[StatedFact]] = defaultdict(list)
        for row in rows:
            pairs[row.relation].append(row)
        groups = _group_of_each(pairs, problems)
        _check_options(config, pairs, groups, problems)
        for name, said in pairs.items():
            _check_objects(name, said, config.relations.get(name, RelationOptions()).many, problems)
        problems.stop()
        warn_of_likeness([*entities, *pairs], problems)
        facts, inverses = _with_inverses(config, pairs, problems)
        added = tuple(name for name in facts if name not in pairs)
        for name in added:
            groups[name] = groups[inverses[name]]
            if name in entities:
                problems.add(f"{name!r}, the inverse of {inverses[name]}, is an entity too; name the inverse otherwise")
        if len(facts) > MAX_RELATIONS:
            problems.add(f"there are {len(facts)} relations with their inverses; at most {MAX_RELATIONS}")
        problems.stop()
        names = list(dict.fromkeys(groups.values()))
        relations = [
            Relation(i, name, names.index(groups[name]), _phrase(config, name, inverses[name], added), inverses[name])
            for i, name in enumerate(facts)
        ]
        return cls(entities, relations, _truths(entities, facts), names, added)


def _check_entities(entities: Sequence[str], rows: Sequence[StatedFact], problems: Problems) -> None:
    if not problems.errors and len(entities) < FEWEST_ENTITIES:
        problems.add(f"there are {len(entities)} entities; at least {FEWEST_ENTITIES} are needed to draw a picture")
    if len(entities) > MOST_ENTITIES:
        problems.add(f"there are {len(entities)} entities; at most {MOST_ENTITIES} can be trained, leave some out")
    known = set(entities)
    told = set()
    for row in rows:
        if row.relation in known and row.relation not in told:
            told.add(row.relation)
            problems.at(row.line, f"{row.relation!r} is a relation here and an entity elsewhere; rename one of them")
        if row.subject == row.object:
            problems.warn(
                f"line {row.line}: {row.subject!r} has itself as {row.relation}; if these are two things, give them two names"
            )


def _group_of_each(pairs: Mapping[str, Sequence[StatedFact]], problems: Problems) -> dict[str, str]:
    found = {}
    for relation, facts in pairs.items():
        found[relation] = facts[0].group or DEFAULT_GROUP
        for fact in facts:
            if fact.group != facts[0].group:
                first = f"{facts[0].group!r} in line {facts[0].line}"
                problems.at(
                    fact.line, f"{relation} is in group {fact.group!r} here and in {first}; a relation has one group"
                )
                break
    return found


def _check_options(
    config: FactsConfig, pairs: Mapping[str, Sequence[StatedFact]], groups: Mapping[str, str], problems: Problems
) -> None:
    declared = {options.inverse for options in config.relations.values()}
    for name, options in config.relations.items():
        if name not in pairs and (options.many is not None or options.inverse is not None):
            problems.add(f"no fact has the relation {name!r}, which has options; there are {_listed(pairs)}")
        if options.phrase is not None and "{subject}" not in options.phrase:
            problems.add(f"the phrase of {name!r} must name {{subject}}")
        inverse = None if options.inverse is None else config.relations.get(options.inverse)
        if inverse is not None and inverse.inverse not in (None, name):
            problems.add(f"{options.inverse!r} is the inverse of {name!r}, but its own inverse is {inverse.inverse!r}")
    if len(declared - {None}) < sum(options.inverse is not None for options in config.relations.values()):
        problems.add("two relations have the same inverse; give each its own")
    for name in config.groups:
        if name not in groups.values():
            problems.add(
                f"no fact is in the group {name!r}, which has options; there are {_listed(set(groups.values()))}"
            )


def _listed(names: Collection[str]) -> str:
    return ", ".join(list(names)[:10]) or "none"


def _check_objects(relation: str, facts: Sequence[StatedFact], many: bool | None, problems: Problems) -> None:
    """Tells of subjects with several objects where there should be one."""
    objects: dict[str, list[StatedFact]] = defaultdict(list)
    for fact in facts:
        objects[fact.subject].append(fact)
    several = [found for found in objects.values() if len(found) > 1]
    if many or (many is None and 2 * len(several) > len(objects)):
        return
    hint = f"if it may have several, declare {relation} many-valued (--many {relation!r})"
    for found in several[:TOLD_EACH]:
        first, second = found[:2]
        problems.at(
            second.line,
            f"{relation} of {first.subject!r} is {second.object!r}, but in line {first.line} it is {first.object!r}; "
            f"remove one of them, or {hint}",
        )
    if (more := len(several) - TOLD_EACH) > 0:
        problems.add(f"{more} more subject{'s' * (more > 1)} have several objects under {relation}")


Pairs = dict[tuple[str, str], None]  # (subject, object), in order


def _with_inverses(
    config: FactsConfig, rows: Mapping[str, Sequence[StatedFact]], problems: Problems
) -> tuple[dict[str, Pairs], dict[str, str]]:
    """The facts of every relation, each behind its inverse or before it, and the inverse of each."""
    given: dict[str, Pairs] = {name: {(f.subject, f.object): None for f in facts} for name, facts in rows.items()}
    declared = {name: options.inverse for name, options in config.relations.items() if options.inverse is not None}
    declared |= {inverse: name for name, inverse in declared.items()}
    facts: dict[str, Pairs] = {}
    inverses: dict[str, str] = {}
    for name, pairs in given.items():
        if name in inverses:
            continue
        back = _reversed(pairs)
        inverse = declared.get(name) or _found_inverse(name, pairs, given, inverses, declared, problems)
        if inverse is None:
            inverse = _inverse_name(name, {*given, *facts, *declared})
        inverses[name], inverses[inverse] = inverse, name
        facts[name] = pairs | _reversed(given.get(inverse, {}))
        facts[inverse] = _reversed(facts[name]) if inverse != name else facts[name] | back
        if inverse in given and (lacking := len(facts[name]) - len(pairs)) > 0:
            problems.warn(f"{lacking} facts of {name} are there the other way round only ({inverse}); they were added")
    return facts, inverses


def _reversed(pairs: Pairs) -> Pairs:
    return {(b, a): None for a, b in pairs}


def _found_inverse(
    name: str,
    pairs: Pairs,
    given: Mapping[str, Pairs],
    taken: Mapping[str, str],
    declared: Mapping[str, str],
    problems: Problems,
) -> str | None:
    """A relation (perhaps itself) that is its exact reverse; one that nearly is, is told."""
    back = _reversed(pairs)
    for other, others in given.items():
        if other in taken or other in declared:
            continue
        if others.keys() == back.keys():
            return other
        both = len(others.keys() & back.keys())
        if both > 0.8 * max(len(others), len(back)):
            a, b = next(iter((others.keys() ^ back.keys()) - others.keys() or others.keys() - back.keys()))
            told = (
                f"both ways round, but for some facts ({a} and {b})"
                if other == name
                else f"the reverse of {other}, but for some facts ({a} and {b})"
            )
            problems.warn(f"{name} is {told}; add them, or they are taken to be so")
    return None


def _inverse_name(name: str, taken: Collection[str]) -> str:
    """`capital` becomes `capital_of`; what reads as no noun, `inverse_of_...`."""
    sign = " " if " " in name else "_"
    found = f"{name}{sign}of" if _is_noun(name) else f"inverse{sign}of{sign}{name}"
    while found in taken:
        found += "'"
    return found


def _is_noun(name: str) -> bool:
    last = name.replace("_", " ").replace("-", " ").split()[-1].lower()
    return last not in PREPOSITIONS and not (last.endswith("s") and not last.endswith(("ss", "us", "is")))


def _phrase(config: FactsConfig, name: str, inverse: str, added: Collection[str]) -> str:
    options = config.relations.get(name)
    if options is not None and options.phrase is not None:
        return options.phrase
    words = (inverse if name in added else name).replace("_", " ").replace("{", "(").replace("}", ")")
    if _is_noun(words):
        return f"Of what is {{subject}} the {words}?" if name in added else f"What is the {words} of {{subject}}?"
    return f"What {words} {{subject}}?" if name in added else f"{{subject}} {words} what?"


def _truths(entities: Sequence[str], facts: Mapping[str, Pairs]) -> IntArray:
    index = {name: i for i, name in enumerate(entities)}
    objects: dict[tuple[int, int], list[int]] = defaultdict(list)
    for r, pairs in enumerate(facts.values()):
        for subject, object_ in pairs:
            objects[index[subject], r].append(index[object_])
    cell = max(objects, key=lambda each: len(objects[each]))
    most = len(objects[cell])
    if len(entities) * max(len(facts) * most, len(facts) ** 2) > MAX_CELLS:
        x, r = cell
        told = f"{len(entities)} entities and {len(facts)} relations, and {most} objects of {entities[x]!r} under {list(facts)[r]}"
        raise FactsError(
            [f"{told}, are more than fits; leave out entities, or relations with one object for very many"]
        )
    truths = np.full((len(entities), len(facts), most), ABSENT)
    for (x, r), found in objects.items():
        truths[x, r, : len(found)] = found
    return truths


# --- pictures -------------------------------------------------------------------------------------------------------------------


def _groups(world: Facts, names: Sequence[str], problems: Problems) -> Iterator[Group]:
    config, entities = world.config, world.entities
    layout = Problems("layout: ", problems.errors, problems.warnings)
    places = read_places(config.layout, layout) if config.layout else []
    layout.stop()
    unknown = {place.entity: place for place in places if place.entity not in set(entities)}
    for place in list(unknown.values())[:3]:
        layout.warn(f"line {place.line}: no fact speaks of {place.entity!r}")
    for index, name in enumerate(names):
        edges, members = world.steps(index), world.spoken_of(index)
        options = config.groups.get(name, GroupOptions())
        title = options.title or ("the facts" if name == DEFAULT_GROUP else name)
        if places:
            own = {place.entity: place for place in places if place.group in (None, name)}
            if missing := [entities[x] for x in members if entities[x] not in own]:
                more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
                layout.add(
                    f"{missing[0]!r}{more} in the group {name!r} has no place; add a line, or leave the layout out"
                )
                continue
            coordinates, color, branch = _given([own[entities[x]] for x in members])
        else:
            among = np.searchsorted(members, edges)
            coordinates = graph_layout(len(members), among, config.seed)
            branch = clusters(len(members), among, config.seed)
            color = colors(coordinates, branch)
        drawn = Group(name, title, options.shape, options.scale, coordinates, color, edges, branch)
        yield _spread(drawn, members, len(entities))


def _given(places: Sequence[LayoutRow]) -> tuple[FloatArray, FloatArray, IntArray | None]:
    coordinates = np.array([place.coordinates for place in places])
    branch = None
    if places[0].branch is not None:
        names = list(dict.fromkeys(place.branch for place in places))
        branch = np.array([names.index(place.branch) for place in places])
    color = np.array([np.nan if place.color is None else place.color for place in places])
    return coordinates, colors(coordinates, branch) if np.isnan(color).any() else color, branch


def _spread(group: Group, members: IntArray, n: int) -> Group:
    """A group of its members alone, as one of all n entities."""
    coordinates, color = np.full((n, group.coordinates.shape[1]), np.nan), np.full(n, np.nan)
    coordinates[members], color[members] = group.coordinates, group.color
    branch = None
    if group.branch is not None:
        branch = np.full(n, -1)
        branch[members] = group.branch
    return replace(group, coordinates=coordinates, color=color, branch=branch)


# --- files ----------------------------------------------------------------------------------------------------------------------


def read_facts(file: Path, layout: Path | None = None, many: Collection[str] = ()) -> Facts:
    """The world in a CSV file, its picture computed and written into its config.

    Args:
        layout: a CSV file that says where each entity is drawn; None: as `graph_layout.py` does.
        many: names of the relations under which a subject may have several objects.

    Raises:
        WorldError: what is wrong, each problem on a line of its own.
    """
    options = {name: RelationOptions(many=True) for name in many}
    config = FactsConfig(read_text(file), "" if layout is None else read_text(layout), options)
    world = Facts(config)
    if layout is not None:
        return world
    drawn = Facts(replace(config, layout=layout_text(world)))
    drawn.warnings = world.warnings
    return drawn


def layout_text(world: World) -> str:
    """The picture of every group as CSV text, for `FactsConfig.layout`."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["entity", "x", "y", "color", "branch", "group"])
    for group in world.groups:
        for x in group.members.tolist():
            place = [f"{value:.4f}" for value in (*group.coordinates[x, :2], group.color[x])]
            branch = 0 if group.branch is None else int(group.branch[x])
            writer.writerow([world.entities[x], *place, branch, group.name])
    return out.getvalue()
