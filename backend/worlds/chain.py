"""The chain: numbers on a line with two ends. Steps go 1..n_hops both ways; beyond an end there is nothing, and so no fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shatterscope.backend.worlds.base import ABSENT, MAX_ENTITIES, Group, IntArray, Relation, Rule, World
from shatterscope.backend.worlds.checks import check_draws, check_facts, check_range


@dataclass(frozen=True)
class ChainConfig:
    """The length of the line, the steps each way, the shares of facts kept out of training, and the seed of their draws."""

    n_entities: int = 64
    n_hops: int = 4
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_draws(self)
        check_range(self, "n_hops", 1)
        low = 2 * self.n_hops + 1
        check_range(
            self, "n_entities", low, MAX_ENTITIES, "(2 * n_hops + 1: so that every step can be taken from the middle)"
        )
        check_facts(self.n_entities, (2 * self.n_hops) ** 2, "n_entities and n_hops")


class Chain(World):
    kind: ClassVar[str] = "chain"
    Config: ClassVar[type] = ChainConfig

    @classmethod
    def of(cls, config: ChainConfig) -> Chain:
        n = config.n_entities
        order = np.arange(n)
        steps = [(way, hops) for way in ("next", "back") for hops in range(1, config.n_hops + 1)]
        relations: list[Relation] = []
        objects: list[IntArray] = []
        for i, (way, hops) in enumerate(steps):
            where, other = ("after", "back") if way == "next" else ("before", "next")
            phrase = f"Which number stands {hops} step{'s' if hops > 1 else ''} {where} {{subject}}?"
            relations.append(Relation(i, f"{way}{hops}", 0, phrase, f"{other}{hops}"))
            reached = order + (hops if way == "next" else -hops)
            objects.append(np.where((reached >= 0) & (reached < n), reached, ABSENT))
        along = order / (n - 1)
        line = Group(
            name="line",
            title="the line",
            shape="chain",
            scale="sequential",
            coordinates=np.column_stack([2 * along - 1, np.zeros(n)]),
            color=along,
            edges=np.column_stack([order[:-1], order[1:]]),
        )
        rule = Rule("h steps back undo h steps on", ("next", "back"))
        return cls(config, [str(i + 1) for i in order], [line], relations, np.stack(objects, axis=1)[..., None], [rule])
