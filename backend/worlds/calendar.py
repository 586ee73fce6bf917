"""The calendar: twelve months and seven weekdays, each in its circle, with the names that everybody knows.

A small world in which every point has a name. Steps go 1..n_hops forward and back, on each circle as many as are all different (four steps
on from Monday are three steps back), and once round: 12 months after January comes January.

What a model has learned before it minds how many steps were asked for is which members are asked about together. Of those, it holds the
rhythms on which steps agree most, lambda_k = 2 sum_h cos(2 pi k h / n). Once round agrees with every rhythm: without it seven days are learned in the
order Monday, Thursday, Sunday, ..., for k = 2 beats k = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shatterscope.backend.worlds.base import ABSENT, Relation, Rule, World
from shatterscope.backend.worlds.checks import check_draws, check_range
from shatterscope.backend.worlds.rings import ring_group

CIRCLES = {
    "months": (
        *("January", "February", "March", "April", "May", "June", "July"),
        *("August", "September", "October", "November", "December"),
    ),
    "weekdays": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
ONE = {"months": "month", "weekdays": "day"}
# Steps one way that none the other way is the same as.
MOST = {name: (len(members) - 1) // 2 for name, members in CIRCLES.items()}


@dataclass(frozen=True)
class CalendarConfig:
    """`n_hops`, the most steps each way, but for once round (of weekdays three); the shares of facts kept out of training, and the seed of their draws."""

    n_hops: int = 2
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_draws(self)
        check_range(self, "n_hops", 1, max(MOST.values()), "(half way round the year, forward and back are the same)")


class Calendar(World):
    kind: ClassVar[str] = "calendar"
    Config: ClassVar[type] = CalendarConfig

    @classmethod
    def of(cls, config: CalendarConfig) -> Calendar:
        entities = [name for members in CIRCLES.values() for name in members]
        steps = [
            (group, circle, way, hops)
            for group, (circle, members) in enumerate(CIRCLES.items())
            for way in ("next", "back")
            for hops in (*range(1, min(config.n_hops, MOST[circle]) + 1), len(members))
        ]
        relations = [Relation(i, *_said(*step)) for i, step in enumerate(steps)]
        truths = np.full((len(entities), len(relations), 1), ABSENT)
        orders, start = [], 0
        for members in CIRCLES.values():
            orders.append(np.arange(start, start + len(members)))
            start += len(members)
        for i, (group, _, way, hops) in enumerate(steps):
            truths[orders[group], i, 0] = np.roll(orders[group], -hops if way == "next" else hops)
        return cls(
            config,
            entities,
            [ring_group(circle, circle, order, len(entities)) for circle, order in zip(CIRCLES, orders, strict=True)],
            relations,
            truths,
            [Rule("n steps back undo n steps forward, of months as of weekdays", ("next", "back"))],
        )


def _said(group: int, circle: str, way: str, hops: int) -> tuple[str, int, str, str]:
    """Name, group, phrase and inverse of a relation."""
    many = ONE[circle] if hops == 1 else f"{ONE[circle]}s"
    verb, other = ("comes", "back") if way == "next" else ("was", "next")
    where = "after" if way == "next" else "before"
    phrase = f"Which {ONE[circle]} {verb} {hops} {many} {where} {{subject}}?"
    return f"{circle}_{way}{hops}", group, phrase, f"{circle}_{other}{hops}"
