"""Rings: the world of the paper (Nishi et al. 2025, section 3.1).

`n_entities` entities stand on `n_orders` independent random cyclic orders, named I, II, III, ...
Each order has `2 * n_hops` relations: the neighbour h = 1..n_hops steps clockwise (`C1`, `C2`, ...)
or anticlockwise (`A1`, `A2`, ...). A fact is (subject, relation, object), for instance (x, I_C2, y): y stands
two steps clockwise of x in order I. Relations are indexed order by order, `C1..Ch` before `A1..Ah`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from shatterscope.backend.worlds.base import Consequence, Group, IntArray, Kind, Relation, Rule, World
from shatterscope.backend.worlds.checks import check_draws, check_facts, check_range

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
WAY = {"C": "clockwise", "A": "anticlockwise"}


@dataclass(frozen=True)
class RingsConfig:
    """What defines a world: its sizes, the shares of facts kept out of training, and the seed of both draws."""

    n_entities: int = 2048
    n_orders: int = 3
    n_hops: int = 4
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_draws(self)
        check_range(self, "n_orders", 1, len(ROMAN))
        check_range(self, "n_hops", 1)
        apart = "(4 * n_hops + 1), so that no two compositions of one order meet by going round the ring"
        check_range(self, "n_entities", 4 * self.n_hops + 1, why=apart)
        check_facts(self.n_entities, self.n_orders * (2 * self.n_hops) ** 2, "n_entities and n_hops")


@dataclass(frozen=True)
class RingRelation(Relation):
    """`hops` steps along a ring, clockwise (`C`) or anticlockwise (`A`)."""

    direction: Literal["C", "A"] = "C"
    hops: int = 1

    @property
    def step(self) -> int:
        """Signed number of clockwise steps."""
        return self.hops if self.direction == "C" else -self.hops


class Rings(World):
    """
    Attributes:
        orders: (n_orders, n_entities), the entity at each position of each ring.
        places: (n_orders, n_entities), the place of each entity on each ring.
    """

    kind: ClassVar[str] = "rings"
    noun: ClassVar[str] = "ring"
    step_noun: ClassVar[str] = "ring step"
    Config: ClassVar[type] = RingsConfig
    config: RingsConfig
    relations: tuple[RingRelation, ...]

    def __init__(self, config: RingsConfig) -> None:
        n = config.n_entities
        rng = np.random.default_rng(config.seed)
        self.orders: IntArray = np.stack([rng.permutation(n) for _ in range(config.n_orders)])
        self.places: IntArray = np.argsort(self.orders, axis=1)
        relations = list(_relations(config))
        objects = np.stack([self.walk(each.group, np.arange(n), each.step) for each in relations], axis=1)
        super().__init__(
            config,
            entities=[str(entity) for entity in range(n)],
            groups=[ring_group(ROMAN[i], f"ring {ROMAN[i]}", order) for i, order in enumerate(self.orders)],
            relations=relations,
            truths=objects[:, :, None],
            rules=[Rule("h steps one way undo h steps the other way", ("C", "A"))],
        )

    @classmethod
    def of(cls, config: RingsConfig) -> Rings:
        return cls(config)

    def walk(self, order: int, entity: IntArray | int, steps: IntArray | int) -> IntArray:
        """The entity standing `steps` clockwise steps from `entity` (broadcasts)."""
        position = (self.places[order, entity] + steps) % self.orders.shape[1]
        return np.asarray(self.orders[order, position])

    @cached_property
    def sources(self) -> IntArray:
        """Those of a relation are the objects of its inverse."""
        return self.truths[:, [self.relation(str(each.inverse)).index for each in self.relations]]

    def distances(self, group: int, entity: int) -> IntArray:
        """The shorter way round."""
        clockwise = (self.places[group] - self.places[group, entity]) % self.n_entities
        return np.minimum(clockwise, self.n_entities - clockwise)

    def counterfactuals(self, subject: int, relation: Relation) -> dict[int, list[int]]:
        """Clockwise."""
        truth = self.object_of(subject, relation)
        steps = range(1, self.n_entities // 2 + 1)
        return {step: [int(self.walk(relation.group, truth, step))] for step in steps}

    def counterfactual(self, subject: int, relation: Relation, distance: int) -> int:
        """The object* that stands `distance` clockwise steps from the true object, on the relation's ring.

        A negative distance goes anticlockwise. Raises `ValueError` where the result is the true object or the
        distance reaches past half of the ring (the shorter way round would be another distance).
        """
        if distance == 0 or abs(distance) > self.n_entities // 2:
            raise ValueError(f"distance must lie in 1..{self.n_entities // 2} (or its negative), got {distance}")
        return int(self.walk(relation.group, self.object_of(subject, relation), distance))

    def _consequences(self, subject: int, relation: Relation, new: int) -> Iterator[Consequence]:
        """*Implied* is what follows from the new fact together with facts that were not edited: its inverse, compositions through it, sums of
        hops. *Contradicted* are true facts that cannot stand beside the new one: the old fact, its inverse, and what pins y to its place through
        x's ring neighbours. What they become is a matter of reading; ours: y* takes y's place and y takes that of y*."""
        x, r = subject, self.relations[relation.index]
        s, old = r.step, self.object_of(x, r)
        steps = {each.step: each for each in self.relations if each.group == r.group}
        inverse = steps[-s]

        def walk(entity: int, by: int) -> int:
            return int(self.walk(r.group, entity, by))

        def fact(kind: Kind, why: str, a: int, path: tuple[RingRelation, ...], expected: int) -> Consequence:
            truth = walk(a, sum(each.step for each in path))
            return Consequence(kind, why, a, tuple(each.name for each in path), truth, expected)

        corrective = new == old
        if corrective:
            yield fact("implied", "The corrected fact itself.", x, (r,), new)
        else:
            yield fact("contradicted", f"The old fact: only one entity can be {r.name} of {x}.", x, (r,), new)
            yield fact(
                "contradicted",
                f"The old fact read backwards; if {new} takes the place of {old}, {old} takes that of {new}.",
                old,
                (inverse,),
                walk(new, -s),
            )
        yield fact("implied", f"The new fact read backwards: {inverse.name} undoes {r.name}.", new, (inverse,), x)
        for then in (steps[1], steps[-1]):
            if then != inverse:
                yield fact("implied", f"From the new object: {then.name} of {new}.", x, (r, then), walk(new, then.step))
        for by in (1, -1):
            z, to_x = walk(x, -by), steps[by]
            yield fact(
                "implied", f"Through {x}: {z} {to_x.name} is {x}, whose {r.name} is now {new}.", z, (to_x, r), new
            )
        for by in (1, -1):
            if (total := s + by) in steps:
                whole = steps[total]
                why = f"A sum of steps: {whole.name} is {r.name} and then {steps[by].name}."
                yield fact("implied", why, x, (whole,), self.object_of_new(x, r, new, steps[by]))
        if not corrective:
            for by in (1, -1):
                if (rest := s - by) in steps:
                    z, last = walk(x, by), steps[rest]
                    why = f"{z}, {steps[by].name} of {x}, pins {old} to its place, which {new} now takes."
                    yield fact("contradicted", why, z, (last,), new)


def _relations(config: RingsConfig) -> Iterator[RingRelation]:
    triples = [
        (order, direction, hops)
        for order in range(config.n_orders)
        for direction in ("C", "A")
        for hops in range(1, config.n_hops + 1)
    ]
    for i, (order, direction, hops) in enumerate(triples):
        back = "A" if direction == "C" else "C"
        yield RingRelation(
            index=i,
            name=f"{ROMAN[order]}_{direction}{hops}",
            group=order,
            phrase=f"On ring {ROMAN[order]}, who stands {hops} step{'s' if hops > 1 else ''} {WAY[direction]} of {{subject}}?",
            inverse=f"{ROMAN[order]}_{back}{hops}",
            direction="C" if direction == "C" else "A",
            hops=hops,
        )


def ring_group(name: str, title: str, order: IntArray, n_entities: int | None = None) -> Group:
    """A ring through the entities of `order`, on the unit circle, clockwise from the top; of a world of `n_entities` (None: these)."""
    n = n_entities or len(order)
    turn = np.arange(len(order)) / len(order)
    coordinates, color = np.full((n, 2), np.nan), np.full(n, np.nan)
    coordinates[order] = np.column_stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)])
    color[order] = turn
    edges = np.column_stack([order, np.roll(order, -1)])
    return Group(name, title, "ring", "cyclic", coordinates, color, edges)
