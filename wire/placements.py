"""Where one fact can be written: the edit at every layer and token."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shatterscope.wire.base import Token, Wire
from shatterscope.wire.edits import MAX_EDITS, EditSpec, Ending
from shatterscope.wire.measures import Change, Questions, SiteShattering


class PlacementsRequest(Questions):
    """Which edit is made at every layer and token: the last that is there (not at strength 0) of a stack, on top of those before it. Give the stack by
    exactly one of `edit` and `edits`."""

    checkpoint: str
    edit: str | None = Field(default=None, description="id of an edit, as returned by POST /edits")
    edits: Annotated[list[EditSpec], Field(min_length=1, max_length=MAX_EDITS)] | None = Field(
        default=None, description="as in POST /edits; the last may name a place where its method cannot make it"
    )


class PlacementRecall(Wire):
    """Accuracy of direct recall, before all edits of the stack and after; `all` is the mean over the rings, null where there is no such ring."""

    all: Change | None
    edit: Change | None
    retain: Change | None
    test: Change | None


class PlacementMade(Wire):
    """The edit made at one place. Of a batch, whose facts are written together, `prediction`, `rank`, `probability` and `ended` are of its last fact."""

    edit: str = Field(description="id of the whole stack with the edit at this place")
    success: bool = Field(description="the edited model answers the new object; of a batch, each of them")
    taken: int = Field(description="facts, of those written together, that the edited model answers so")
    prediction: int = Field(description="what the edited model answers")
    rank: int = Field(description="of the new object among all tokens, on the bare prompt; 1 where it leads")
    probability: float | None = Field(description="of the new object; null where it is no finite number")
    ended: Ending | None = Field(
        description="how the optimisation ended, as in `CourseInfo`; null where nothing was optimised"
    )
    steps: int = Field(description="optimisation steps taken, over all facts of a batch")
    shattering: SiteShattering = Field(description="R(D*) where POST /evaluations reads it")
    recall: PlacementRecall


class Placement(Wire):
    """One layer and token; exactly one of `made` and `refused` is there."""

    layer: int
    token: Token
    own: bool = Field(description="where the edit is made as it was asked about")
    refused: str | None = Field(description="why the edit cannot be made here, in its method's words")
    made: PlacementMade | None


class PlacementsResult(Wire):
    """Where one fact can be written. Layer and token differ and nothing else: method, parameters, strength and the edits before are the same at every
    place. Changes are from the unedited model, as in POST /evaluations."""

    checkpoint: str
    spec: EditSpec = Field(description="the edit that was asked about, complete, at its own place")
    facts: int = Field(description="written together by it; 1 unless it is a batch")
    before: int = Field(description="edits that are there before it")
    placements: list[Placement] = Field(description="by layer, at the relation's token and at the subject's")
    n_entities: int = Field(description="that each R is over")
    n_relations: int = Field(description="of each ring, that each mean of R is over")
    n_queries: int = Field(description="of direct recall, over all rings")
    n_contexts: int = Field(description="random contexts that each is asked behind")
    seconds: float
