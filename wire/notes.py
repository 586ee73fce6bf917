"""Notes: facts told before the question instead of edited into the weights."""

from __future__ import annotations

from pydantic import Field

from shatterscope.wire.base import Wire
from shatterscope.wire.edits import MAX_EDITS, NewFact
from shatterscope.wire.measures import Questions, TaskScore


class NotesRequest(Questions):
    """Which notes are told, in this order, and which questions are asked beside them."""

    checkpoint: str
    notes: list[NewFact] = Field(
        min_length=1,
        max_length=MAX_EDITS,
        description="three tokens of context each; as many as leave five for a question",
    )


class NoteAnswer(Wire):
    prediction: int
    probability: float
    note: float = Field(description="probability of the note's object")


class NoteObeyed(Wire):
    """With so many true facts between the notes and the question, each walk of them arriving at the subject."""

    facts: int
    note: float = Field(description="share of the answers that are the note's object")
    truth: float = Field(description="share of the answers that are true")
    probability: float = Field(description="of the note's object, mean")
    n: int = Field(description="random walks")


class NoteResult(Wire):
    subject: int
    relation: str
    object: int
    old_object: int = Field(description="the true one, the first where there are several")
    bare: NoteAnswer = Field(description="to the bare question")
    told: NoteAnswer = Field(description="directly behind the notes")
    obeyed: list[NoteObeyed] = Field(description="behind no fact, one, two, and so on up to the end of the context")


class NoteShattering(Wire):
    """R(D*) = ||D* - D0||_F / ||D0||_F, by sub-graph of the last note, at the last layer's resid_post; null where there is no such ring."""

    edit: float
    retain: float | None
    test: float | None


class NotesResult(Wire):
    """What telling the notes does. No weight changes, so it ends where the context does."""

    checkpoint: str
    notes: list[NoteResult]
    tokens: int = Field(description="of the context that the notes take")
    context: int = Field(description="that the model has")
    scores: list[TaskScore] = Field(
        description="other questions behind random contexts, without (`before`) and with (`after`) the notes in front"
    )
    kept: float = Field(
        description="share of all other single facts that are answered behind the notes as on the bare prompt"
    )
    n_kept: int = Field(description="of how many")
    bare: NoteShattering = Field(
        description="of the bare prompts' representations: 0, for nothing that they depend on changes"
    )
    said: NoteShattering = Field(
        description="of those read behind the notes, against those behind the true facts of the same subjects and relations"
    )
    text: NoteShattering = Field(
        description="for scale: of those read behind the true facts, against the bare ones; what any text before a question does"
    )
    n_entities: int = Field(description="that each R is over")
    seconds: float
