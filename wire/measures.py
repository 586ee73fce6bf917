"""What an edit did: R(D*), accuracies, movement, ripples, quality."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shatterscope.wire.base import SubGraph, Task, Wire
from shatterscope.wire.world import Answer, MeasureInfo


class Questions(Wire):
    """Which sampled questions are asked: the same numbers mean the same questions."""

    contexts: int = Field(default=5, ge=1, le=20, description="random contexts put before every query")
    queries: Annotated[int, Field(ge=1, le=1_000_000)] | Literal["all"] = Field(
        default=200, description="queries drawn per task and order; `all`: every one"
    )
    seed: int = Field(default=0, ge=0, le=2**63 - 1)


class EvaluationRequest(Questions):
    checkpoint: str
    edit: str | None = Field(
        description="null: the unedited model, whose scores are those that every edit has as `before`"
    )


class Change(Wire):
    before: float
    after: float
    change: float


class TaskScore(Wire):
    task: Task
    order: str
    sub_graph: SubGraph | None = Field(description="null without an edit")
    accuracy: Change
    probability: Change
    n_queries: int
    n_available: int = Field(description="queries there are; n_queries = n_available means full enumeration")
    n_contexts: int


class Shattering(Wire):
    """R(D*) = ||D* - D0||_F / ||D0||_F over all pairs of entities, at the last layer's resid_post."""

    per_relation: dict[str, float]
    edit: float = Field(description="mean over the relations of the last edit's order; 0 without an edit")
    retain: float | None = Field(description="mean over those of the next order; null where there is none")
    test: float | None = Field(description="mean over those of all other orders; null where there are none")
    n_entities: int
    without_edited: float | None = Field(
        default=None, description="`edit` without the edited entities; told of a language model, whose groups are small"
    )


class SitesRequest(Wire):
    checkpoint: str
    edit: str = Field(description="id of an edit, as returned by POST /edits")
    sites: Annotated[list[str], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="null: all sites of the model"
    )


class SiteShattering(Wire):
    """R at one site, means as in `Shattering`. null where it is not defined (the unedited representations are all alike) or not finite, and where
    there is no such ring."""

    site: str
    edit: float | None
    retain: float | None
    test: float | None


class SitesResult(Wire):
    """R of one edit at each site: the same relations and entities for all, at the relation token of the prompt `entity relation`."""

    checkpoint: str
    edit: str
    sites: list[SiteShattering] = Field(description="in the order of the computation, or as asked for")
    n_entities: int = Field(description="that each R is over")
    n_relations: int = Field(description="of each ring, that each mean is over")
    seconds: float


class Movement(Wire):
    """What moved, in units of the distance between ring neighbours before the edit, at the last layer's resid_post; medians over the entities.

    Recall falls with `moved`, since answers are read off fixed directions, however whole the ring; the shape breaks with `strain`.
    """

    moved: float | None = Field(description="how far a representation moved; null where it is not finite")
    strain: float | None = Field(
        description="how much the step from a ring neighbour to the next changed, once the ring is turned back; 0: it moved as a whole"
    )


class Movements(Wire):
    """Means over the relations of each sub-graph, as in `Shattering`, and each relation's own."""

    per_relation: dict[str, Movement]
    edit: Movement
    retain: Movement | None
    test: Movement | None
    n_entities: int


class MeasureParts(Wire):
    """Means over the relations of each sub-graph, as in `Shattering`; null where it is not finite."""

    edit: float | None = None
    retain: float | None = None
    test: float | None = None


class MeasurementInfo(MeasureInfo):
    """A declared number (`backend/measures`), with its values."""

    value: float | None = Field(
        description="of the edited group, the mean over its relations, or of the whole model; null where it is not finite"
    )
    parts: MeasureParts | None = Field(description="null of the whole model")
    per_relation: dict[str, float | None] = Field(description="each relation's own; empty of the whole model")


class DamageBin(Wire):
    """Entities at these distances from the edited subject, in steps along the edges of the edited relation's group."""

    distance_from: int
    distance_to: int
    displacement: float | None = Field(
        description="mean distance an entity's representation moved, over the mean distance of two neighbours; null where no two neighbours are "
        "in the relation's picture"
    )
    accuracy: Change = Field(description="of the edited relation's own facts")
    n_entities: int


class RippleFact(Wire):
    """A fact that stands in a logical relation to the last edit."""

    kind: Literal["implied", "contradicted"]
    explanation: str
    subject: int
    relations: list[str] = Field(description="one relation, or two for a composition")
    truth: int = Field(description="in the unedited world")
    expected: int | None = Field(
        description="if the new fact held; null where all that is known of it then is that `truth` is false"
    )
    before: Answer
    after: Answer


class WantedAnswers(Wire):
    """Of questions with a wanted answer: the share answered so, and the mean probability of what is wanted."""

    accuracy: Change
    probability: Change
    n_queries: int


class EditQuality(Wire):
    """Edit quality as the field measures it, over all edits of the stack; null where there is nothing to ask."""

    efficacy: WantedAnswers | None = Field(description="the new facts themselves")
    generality: WantedAnswers | None = Field(description="the new facts behind random true contexts")
    locality: WantedAnswers | None = Field(description="unrelated facts: the unedited model's answer, right or wrong")
    portability: WantedAnswers | None = Field(
        description="facts that follow from the new ones, answered as if these held"
    )
    retraction: WantedAnswers | None = Field(
        default=None,
        description="what the new facts contradict, no longer answered as it was true before: the old answer is gone",
    )


class AnsweredRelation(Wire):
    """Every answer of a language model to one question: of n subjects in W wordings."""

    relation: str
    wordings: list[str]
    subjects: list[int]
    truths: list[int] = Field(description="(n,)")
    before: list[list[int]] = Field(description="(W, n), the most probable name")
    after: list[list[int]]
    probability_before: list[list[float]] = Field(
        description="(W, n), of the answer, by softmax over the whole vocabulary"
    )
    probability_after: list[list[float]]


class LanguageChange(Wire):
    """What else an edit did to a language model."""

    perplexity: Change = Field(description="of text that nothing else is measured on")
    n_tokens: int = Field(description="that it is over")
    answers: list[AnsweredRelation]


class EvaluationResult(Wire):
    """Without an edit nothing has moved, before and after are the same, and there is neither damage nor ripples nor quality."""

    checkpoint: str
    edit: str | None
    scores: list[TaskScore]
    shattering: Shattering
    movement: Movements = Field(description="two of the `measures`, as they were told before there were others")
    measures: list[MeasurementInfo] = Field(description="all that is declared, in the order in which they are shown")
    damage: list[DamageBin]
    ripples: list[RippleFact]
    quality: EditQuality | None = None
    language: LanguageChange | None = Field(default=None, description="of a language model")
    seconds: float
