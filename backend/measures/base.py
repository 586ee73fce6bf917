"""What a measure is: a number that says what an edit did, and all that is needed to show it anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import torch
from torch import Tensor

from shatterscope.backend.evaluation import sub_graphs
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Relation, World
from shatterscope.wire.base import SubGraph

OfRelation = Callable[[Tensor, Tensor, Tensor], Tensor | float]
"""(n, d) representations of a relation's entities before and after the edit, and (m, 2) rows of neighbours -> the number."""
OfModel = Callable[[LanguageModel, LanguageModel], Tensor | float]
"""The models before and after the edit -> the number."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Declares a number. In all texts `{noun}` stands for what a group of the world is called ("ring"), `{steps}` for the way from neighbour to neighbour
    ("ring steps").

    Attributes:
        name: in the API, in files and in columns; letters, digits and `_`.
        title: where it stands beside others.
        sentence: told with the number, which `{value}` stands for.
        explained: what it is, for who asks.
        over: what it was computed over; `{n}` stands for the number of entities.
        unit: what it is counted in; empty for none.
        format: a share is written in percent.
        unedited: the number where nothing has changed.
        of_relation: of one relation's representations at the last layer's `resid_post`; NaN where there is no answer. Or else
        of_model: of the whole model.
    """

    name: str
    title: str
    sentence: str
    explained: str
    over: str
    unit: str = ""
    format: Literal["number", "share"] = "number"
    unedited: float = 0.0
    of_relation: OfRelation | None = None
    of_model: OfModel | None = None

    def __post_init__(self) -> None:
        if (self.of_relation is None) == (self.of_model is None):
            raise ValueError(f"measure {self.name!r}: give exactly one of `of_relation` and `of_model`")

    def told_in(self, world: World) -> Measure:
        """The same with its texts in the words of a world."""
        words = {"noun": world.noun, "steps": f"{world.step_noun}s", "n": str(world.n_entities), "value": "{value}"}
        texts = {name: getattr(self, name).format_map(words) for name in ("sentence", "explained", "over", "unit")}
        return replace(self, **texts)


@dataclass(frozen=True)
class Measurement:
    """`value`: of the edited group, the mean over its relations, or of the whole model. `parts` and `per_relation` are empty for the whole model. NaN where
    there is no answer."""

    value: float
    parts: Mapping[SubGraph, float]
    per_relation: Mapping[str, float]


def of_relations(
    measures: Mapping[str, Measure], world: World, relations: Sequence[Relation], before: Tensor, after: Tensor
) -> dict[str, dict[str, float]]:
    """Each measure that has a number for every relation, by its name and theirs, from (n_relations, n_entities, d) representations of all."""
    found: dict[str, dict[str, float]] = {each.name: {} for each in measures.values() if each.of_relation is not None}
    for relation in relations:
        rows, edges = world.drawn(relation)
        x, y = before[relation.index][rows], after[relation.index][rows]
        neighbours = torch.from_numpy(edges).to(x.device)
        for name, values in found.items():
            measure = measures[name].of_relation
            assert measure is not None
            values[relation.name] = float(measure(x, y, neighbours))
    return found


def of_model(measures: Mapping[str, Measure], before: LanguageModel, after: LanguageModel) -> dict[str, float]:
    """Each measure that has one number."""
    return {each.name: float(each.of_model(before, after)) for each in measures.values() if each.of_model is not None}


def gathered(
    world: World, edited: int, relations: Mapping[str, Mapping[str, float]], whole: Mapping[str, float]
) -> dict[str, Measurement]:
    """`of_relations` with means over the relations of each sub-graph, where `edited` is the group of the edit; and `of_model`."""
    parts = sub_graphs(len(world.groups), edited)
    members = {
        part: [each.name for each in world.relations if parts[each.group] == part] for part in dict.fromkeys(parts)
    }
    found = {name: Measurement(value, {}, {}) for name, value in whole.items()}
    for name, values in relations.items():
        means = {part: fmean(values[each] for each in names) for part, names in members.items()}
        found[name] = Measurement(means["edit"], means, values)
    return found
