"""The world that a language model is asked about: months and weekdays, each a ring, and countries with their capitals and continents beside them, as
controls.

Nothing of it was taught here, so nothing is held out, and a relation is no token but a text behind the subject. What there is to ask, `knowledge.py` found.
The model's tokens are numbered anew (`Numbering`): names first, so that entity i is token i as in all worlds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from shatterscope.backend.models import LanguageModel, Llama
from shatterscope.backend.spoken.knowledge import ASKED, Knowledge, MeasuredWording, asked_relations
from shatterscope.backend.worlds.base import (
    ABSENT,
    Consequence,
    Group,
    IntArray,
    Relation,
    Wording,
    World,
)
from shatterscope.backend.worlds.rings import ring_group


class Numbering:
    """Old token ids to new ones: names first, in their order, then all others in theirs."""

    def __init__(self, names: Sequence[int]) -> None:
        self.names = list(names)
        self._place = {token: place for place, token in enumerate(self.names)}
        self._sorted = sorted(self.names)

    def new(self, token: int) -> int:
        if token in self._place:
            return self._place[token]
        return len(self.names) + token - bisect_left(self._sorted, token)

    def all_new(self, tokens: Sequence[int]) -> tuple[int, ...]:
        return tuple(map(self.new, tokens))

    def old(self, vocabulary: int) -> Tensor:
        """(vocabulary,) the old id of every new one."""
        named = set(self.names)
        return torch.tensor([*self.names, *(token for token in range(vocabulary) if token not in named)])


def numbered(model: LanguageModel, numbering: Numbering) -> None:
    """Number the tokens of `model` itself anew."""
    order = numbering.old(model.config.vocab_size).to(model.device)
    tables: list[nn.Module] = [model.get_submodule("token")]
    if isinstance(model, Llama) and model.head is not None:
        tables.append(model.head)
    for table in tables:
        weight = table.get_parameter("weight")
        weight.data = weight.data[order]


@dataclass(frozen=True)
class SpokenConfig:
    """Nothing is held out of what was not taught here."""

    knowledge: Knowledge
    held_out_facts: float = 0.0
    held_out_compositions: float = 0.0
    seed: int = 0


class Spoken(World):
    """
    Attributes:
        numbering: of tokens.
        told: of every relation, the wordings that are asked, the plain one first.
    """

    kind: ClassVar[str] = "calendar"
    worded: ClassVar[bool] = True
    Config: ClassVar[type] = SpokenConfig
    noun: ClassVar[str] = "ring"

    def __init__(self, config: SpokenConfig) -> None:
        knowledge = config.knowledge
        known = asked_relations(knowledge)
        shown = [name for name in ASKED if any(each.group == name for each in known)]
        n = len(knowledge.names)
        groups = [
            _clusters(knowledge) if name == "countries" else ring_group(name, name, np.array(knowledge.groups[name]), n)
            for name in shown
        ]
        ordered = [each for name in shown for each in known if each.group == name]
        relations = [Relation(i, each.name, shown.index(each.group), each.phrase) for i, each in enumerate(ordered)]
        truths = np.full((n, len(relations), 1), ABSENT)
        for i, each in enumerate(ordered):
            subjects, objects = np.array(each.facts).T
            truths[subjects, i, 0] = objects
        super().__init__(config, knowledge.names, groups, relations, truths)
        self.numbering = Numbering(knowledge.tokens)
        self.told: tuple[tuple[MeasuredWording, ...], ...] = tuple(tuple(each.asked) for each in ordered)
        self._wordings = tuple(
            tuple(Wording(self.numbering.all_new(told.before), self.numbering.all_new(told.after)) for told in each)
            for each in self.told
        )

    @classmethod
    def of(cls, config: SpokenConfig) -> Spoken:
        return cls(config)

    def wordings(self, relations: Sequence[Relation]) -> tuple[Wording, ...]:
        (relation,) = relations
        return self._wordings[relation.index]

    def accuracy(self) -> dict[str, float]:
        """By group, over its facts in all wordings that are asked, as `knowledge.py` found it."""
        found = {}
        for group, name in enumerate(self.group_names):
            told = [
                (each.accuracy, len(self.domain(relation)))
                for relation in self.relations_of(group)
                for each in self.told[relation.index]
            ]
            found[name] = sum(share * n for share, n in told) / sum(n for _, n in told)
        return found

    @cached_property
    def compositions(self) -> IntArray:
        """None: each question is a sentence, and two do not make one."""
        return np.empty((0, 2), dtype=np.int64)

    def _consequences(self, x: int, r: Relation, new: int) -> Iterator[Consequence]:
        """None: what else a sentence changes no rule of this world says."""
        return iter(())


def _clusters(knowledge: Knowledge) -> Group:
    """Countries and their capitals round their continents. A country is a step from its capital and from its continent, and continents from each other."""
    n = len(knowledge.names)
    facts = {each.name: dict(each.facts) for each in knowledge.relations if each.group == "countries"}
    continent, capital = facts["continent"], facts["capital"]
    centres = sorted(set(continent.values()))
    coordinates, color, branch = np.full((n, 2), np.nan), np.full(n, np.nan), np.full(n, -1)
    edges: list[tuple[int, int]] = [(a, b) for i, a in enumerate(centres) for b in centres[i + 1 :]]
    for place, centre in enumerate(centres):
        turn = 2 * np.pi * place / len(centres)
        middle = 0.65 * np.array([np.sin(turn), np.cos(turn)])
        members = [country for country, where in continent.items() if where == centre]
        coordinates[centre], branch[centre], color[centre] = middle, place, place / len(centres)
        for i, country in enumerate(members):
            angle = 2 * np.pi * i / len(members)
            out = np.array([np.sin(angle), np.cos(angle)])
            for entity, far in ((country, 0.22), (capital[country], 0.32)):
                coordinates[entity], branch[entity] = middle + far * out, place
                color[entity] = (place + (i + 1) / (len(members) + 2)) / len(centres)
            edges += [(centre, country), (country, capital[country])]
    return Group("countries", "countries", "clusters", "branches", coordinates, color, np.array(edges), branch)
