"""What holds on rings alone: their three pickers (ring, direction, steps), distances with a sign, and the colours of places. Pure.

Everywhere else a relation is a name, and a world is what the API tells of it (`world.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shatterscope.app.kit import ids, theme
from shatterscope.wire.world import GraphInfo

_NAME = re.compile(r"([IVX]{1,5})_([CA])([1-9][0-9]?)")


@dataclass(frozen=True)
class RingSteps:
    """`hops` steps clockwise (`C`) or anticlockwise (`A`) along an order; its name is for instance `I_C2`."""

    order: str = "I"
    direction: str = "C"
    hops: int = 1

    @property
    def name(self) -> str:
        return f"{self.order}_{self.direction}{self.hops}"

    @property
    def step(self) -> int:
        """Signed clockwise steps from subject to object."""
        return self.hops if self.direction == "C" else -self.hops

    @classmethod
    def parse(cls, name: str) -> RingSteps:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f"{name!r} is not a relation such as I_C2")
        return cls(match[1], match[2], int(match[3]))


def signed_distance(position: Sequence[int], subject: int, relation: RingSteps, entity: int) -> int:
    """Clockwise steps from the true object to `entity`, the shorter way round."""
    n = len(position)
    steps = (position[entity] - position[subject] - relation.step) % n
    return steps if steps <= n // 2 else steps - n


def object_at(position: Sequence[int], subject: int, relation: RingSteps, distance: int) -> int:
    """The entity `distance` clockwise steps from the true object."""
    return position.index((position[subject] + relation.step + distance) % len(position))


def place_colors(
    graph: GraphInfo, rings: Mapping[str, Sequence[int]], subject: int, relation: RingSteps
) -> dict[str, list[str]]:
    """For each option of the relation picker the colour, as in the scenes, of the place that choosing it leads to."""

    def color(item: RingSteps) -> str:
        return theme.ring_color((rings[item.order][subject] + item.step) / graph.n_entities)

    return {
        ids.ORDER: [color(replace(relation, order=order)) for order in graph.orders],
        ids.DIRECTION: [color(replace(relation, direction=direction)) for direction in "CA"],
        ids.HOPS: [color(replace(relation, hops=hops)) for hops in range(1, graph.n_hops + 1)],
    }
