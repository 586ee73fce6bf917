"""A world of rings (Nishi et al. 2025, section 3.1).

`n_entities` entities stand on `n_orders` independent random cyclic orders, named I, II, III, ...
Each order has `2 * n_hops` relations: the neighbour h = 1..n_hops steps clockwise (`C1`, `C2`, ...)
or anticlockwise (`A1`, `A2`, ...). A fact is (subject, relation, object), for instance (x, I_C2, y): y stands
two steps clockwise of x in order I. Relations are indexed order by order, `C1..Ch` before `A1..Ah`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

MAX_FACTS = 20_000_000  # of two steps: what a server holds in memory, some fifty times as many as the paper's world has
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@dataclass(frozen=True)
class GraphConfig:
    """What defines a world: its sizes, the shares of facts kept out of training, and the seed of both draws."""

    n_entities: int = 2048
    n_orders: int = 3
    n_hops: int = 4
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("held_out_facts", "held_out_compositions"):
            if not 0 <= getattr(self, name) <= 0.5:  # above one half a fact and its inverse would have to go together
                raise ValueError(f"{name} must lie in [0, 0.5], got {getattr(self, name)}")
        if not 1 <= self.n_orders <= len(ROMAN):
            raise ValueError(f"n_orders must lie in 1..{len(ROMAN)}, got {self.n_orders}")
        if self.n_hops < 1:
            raise ValueError(f"n_hops must be at least 1, got {self.n_hops}")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.n_entities < 4 * self.n_hops + 1:
            raise ValueError(
                f"n_entities must be at least 4 * n_hops + 1 = {4 * self.n_hops + 1} so that no two "
                f"compositions of one order meet by going round the ring, got {self.n_entities}"
            )
        if self.n_entities * self.n_orders * (2 * self.n_hops) ** 2 > MAX_FACTS:
            raise ValueError(f"n_entities and n_hops make more than {MAX_FACTS} facts of two steps; make them smaller")


@dataclass(frozen=True)
class Relation:
    """One relation: `hops` steps along an order, clockwise (`C`) or anticlockwise (`A`)."""

    index: int
    order: int
    direction: Literal["C", "A"]
    hops: int

    @property
    def name(self) -> str:
        return f"{ROMAN[self.order]}_{self.direction}{self.hops}"

    @property
    def step(self) -> int:
        """Signed number of clockwise steps."""
        return self.hops if self.direction == "C" else -self.hops


class KnowledgeGraph:
    """Entities, orders, relations and facts of one world.

    Attributes:
        orders: (n_orders, n_entities), the entity at each position of each order.
        positions: (n_orders, n_entities), the position of each entity in each order.
        objects: (n_entities, n_relations), the true object of every fact.
    """

    def __init__(self, config: GraphConfig) -> None:
        self.config = config
        self.n_entities = config.n_entities
        rng = np.random.default_rng(config.seed)
        self.orders: IntArray = np.stack([rng.permutation(config.n_entities) for _ in range(config.n_orders)])
        self.positions: IntArray = np.argsort(self.orders, axis=1)
        self.order_names = ROMAN[: config.n_orders]
        self.relations = tuple(self._all_relations())
        self.n_relations = len(self.relations)
        self._by_name = {relation.name: relation for relation in self.relations}

    def _all_relations(self) -> list[Relation]:
        triples = [
            (order, direction, hops)
            for order in range(self.config.n_orders)
            for direction in ("C", "A")
            for hops in range(1, self.config.n_hops + 1)
        ]
        return [Relation(i, o, "C" if d == "C" else "A", h) for i, (o, d, h) in enumerate(triples)]

    @property
    def relation_names(self) -> list[str]:
        return [relation.name for relation in self.relations]

    def relation(self, name: str) -> Relation:
        """The relation called `name`; raises `KeyError` naming the known ones."""
        try:
            return self._by_name[name]
        except KeyError:
            known = f"{self.relations[0].name} .. {self.relations[-1].name}"
            raise KeyError(f"unknown relation {name!r}; this graph has {known}") from None

    def relations_of_order(self, order: int) -> list[Relation]:
        return [relation for relation in self.relations if relation.order == order]

    def walk(self, order: int, entity: IntArray | int, steps: IntArray | int) -> IntArray:
        """The entity standing `steps` clockwise steps from `entity` in `order` (broadcasts)."""
        position = (self.positions[order, entity] + steps) % self.n_entities
        return np.asarray(self.orders[order, position])

    @cached_property
    def objects(self) -> IntArray:
        entities = np.arange(self.n_entities)
        return np.stack([self.walk(r.order, entities, r.step) for r in self.relations], axis=1)

    @cached_property
    def compositions(self) -> IntArray:
        """(n_compositions, 2) pairs of relation indices; both relations come from the same order."""
        return np.array(
            [(a.index, b.index) for a in self.relations for b in self.relations if a.order == b.order],
            dtype=np.int64,
        )

    @cached_property
    def composition_objects(self) -> IntArray:
        """(n_entities, n_compositions), the true object of `x r1 r2`."""
        first, second = self.compositions.T
        return self.objects[self.objects[:, first], second[None, :]]

    def object_of(self, subject: int, relation: Relation) -> int:
        return int(self.objects[subject, relation.index])

    def inverse(self, relation: Relation) -> Relation:
        """The same number of hops the other way: y inverse(r) x holds exactly when x r y does."""
        direction = "A" if relation.direction == "C" else "C"
        return self.relation(f"{ROMAN[relation.order]}_{direction}{relation.hops}")

    def distance(self, order: int, a: int, b: int) -> int:
        """Steps between two entities along `order`, the shorter way round: 0..n_entities // 2."""
        clockwise = int(self.positions[order, b] - self.positions[order, a]) % self.n_entities
        return min(clockwise, self.n_entities - clockwise)

    def counterfactual(self, subject: int, relation: Relation, distance: int) -> int:
        """The object* that stands `distance` clockwise steps from the true object, on the relation's order.

        A negative distance goes anticlockwise. Raises `ValueError` where the result is the true object or the
        distance reaches past half of the ring (the shorter way round would be another distance).
        """
        if distance == 0 or abs(distance) > self.n_entities // 2:
            raise ValueError(f"distance must lie in 1..{self.n_entities // 2} (or its negative), got {distance}")
        return int(self.walk(relation.order, self.object_of(subject, relation), distance))
