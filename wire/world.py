"""A checkpoint and the world it was trained on: what it knows and how well, its facts and its mistakes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Array, Wire

Verdict = Literal["ring", "line", "knot", "pieces", "point", "none"]


class GraphInfo(Wire):
    """The sizes of a world and the names of its parts; `GET /checkpoints/{id}/world` tells the rest."""

    kind: str = Field(default="rings", description="kind of world")
    n_entities: int
    n_orders: int = Field(description="number of groups; those of rings are the paper's orders")
    n_hops: int = Field(description="of a world of rings: the most steps of a relation; of others 0")
    orders: list[str] = Field(description="names of the groups")
    relations: list[str]


class GroupInfo(Wire):
    """Relations that make one picture."""

    name: str
    title: str = Field(description="as a sentence says it, `ring I`")
    shape: Literal["ring", "chain", "tree", "grid", "torus", "clusters", "graph"] = Field(
        description="what its pictures are judged as"
    )
    scale: Literal["cyclic", "sequential", "branches"] = Field(description="of its colours")
    members: list[int] = Field(description="the entities that are in it; what follows is in their order")
    coordinates: Array = Field(description="(n, 2 or 3), where each stands in the world's own picture")
    color: Array = Field(description="(n,) from 0 to 1, where each stands on the scale of colours")
    branch: list[int] | None = Field(description="(n,), the branch or cluster of each, -1 for none")
    edges: list[tuple[int, int]] = Field(description="entities that a line joins; distances are steps along these")


class WordingInfo(Wire):
    """How a language model is asked a question, and how well it answers, over all names that it is asked of."""

    text: str = Field(description="with `{subject}` for the name; the answer is the next word")
    accuracy: float = Field(description="share where the truth is the most probable name of this world")
    outright: float = Field(description="share where it is the most probable token of the whole vocabulary")


class RelationInfo(Wire):
    name: str
    group: str
    phrase: str = Field(description="the question that it asks, with `{subject}` for the subject")
    inverse: str | None = Field(description="the relation that undoes it")
    several: bool = Field(description="whether a subject can have more than one object: then any of them is right")
    n_facts: int = Field(description="subjects that have an object")
    example: int = Field(description="the first of them")
    wordings: list[WordingInfo] = Field(
        default=[],
        description="in which a language model is asked, the plain one first; none where a relation is a token",
    )


class RuleInfo(Wire):
    """By which facts that training never stated can be inferred."""

    text: str
    relations: list[str]


class MeasureInfo(Wire):
    """A number that says what an edit did, with all that is needed to show it: whoever does has to know none by name."""

    name: str = Field(description="in the API, in files and in columns")
    title: str
    unit: str = Field(description="what it is counted in; empty for none")
    format: Literal["number", "share"] = Field(description="a share is a fraction of 1, written in percent")
    unedited: float = Field(description="the number where nothing has changed")
    sentence: str = Field(description="tells it; `{value}` stands for the number")
    explained: str
    over: str = Field(description="what it is computed over")
    whole: bool = Field(description="there is one for the whole model, and not for every relation")


class WorldInfo(Wire):
    """The world that a checkpoint was taught, all that a page needs to draw it and to ask about it."""

    checkpoint: str
    kind: str
    entities: list[str] = Field(description="their names; the place in the list is the entity's number")
    groups: list[GroupInfo]
    relations: list[RelationInfo]
    rules: list[RuleInfo]
    measures: list[MeasureInfo] = Field(
        description="that POST /evaluations tells of an edit, in the words of this world"
    )


class ModelInfo(Wire):
    n_layers: int
    d_model: int
    d_mlp: int = Field(description="width of the MLPs: the length of their keys")
    n_heads: int
    n_params: int
    sites: list[str] = Field(description="sites whose activations can be asked for")
    default_site: str


class TrainingInfo(Wire):
    steps: int
    seconds: float
    device: str
    seed: int


class AccuracyInfo(Wire):
    """Accuracy of the unedited model by full enumeration of bare prompts, per order (`{"I": 0.99, ...}`)."""

    direct: dict[str, float]
    logical: dict[str, float]
    compositional: dict[str, float] = Field(description="stated and held-out compositions together")
    composition_stated: dict[str, float]
    composition_held_out: dict[str, float]


class RingInfo(Wire):
    """How ring-like the representations are (last layer's resid_post, at the relation token)."""

    neighbor_share: dict[str, float] = Field(
        description="per relation: share of each representation's two nearest neighbours within 2 ring steps"
    )
    winding: dict[str, int] = Field(description="per relation: winding number of the 2D Isomap against ring position")
    n_neighbors: dict[str, int] = Field(description="per relation: the automatic n_neighbors")
    shape: dict[str, str] | None = Field(
        description="per relation: what its 2D Isomap shows, in one word; without those of too few neighbours to judge; null where none was judged: "
        "`shatterscope checkpoints --judge`"
    )
    closed: int | None = Field(
        description="number of relations whose Isomap shows what their group is, a ring where it is one; null where none was judged"
    )


class NoteInfo(Wire):
    """Whether a model that was taught to obey notes (facts told before the question) does, over random false ones."""

    obeyed: dict[int, float] = Field(
        description="with so many true facts between note and question: share answered by the note"
    )
    beside: dict[str, float] = Field(
        description="direct recall per order, as in `AccuracyInfo`, directly behind a note about another fact"
    )
    n_notes: int = Field(description="that each of `obeyed` is over")


class RecordingInfo(Wire):
    """Answers of a language model that is not on this machine, as it gave them to a fixed list of edits."""

    finished: str = Field(description="ISO date")
    command: str = Field(description="by which it is made again")
    edits: int = Field(description="stacks of edits that are in it; others need the model")


class LanguageInfo(Wire):
    """Of a pretrained language model, which nobody trained here."""

    family: str = Field(description="llama or gpt2")
    licence: str | None = Field(description="as far as it is known")
    source: str = Field(description="what it was converted from")
    recorded: RecordingInfo | None = Field(
        default=None, description="null where the model is on this machine; else its answers are played back"
    )


class ToldWording(WordingInfo):
    asked: bool = Field(description="whether it is one of those that are asked from then on")
    steps: dict[int, float] = Field(description="by the number of steps that it asks for, of a wording that names them")


class KnownRelationInfo(Wire):
    name: str
    group: str
    phrase: str
    n_facts: int
    wordings: list[ToldWording]


class KnowledgeInfo(Wire):
    """What a language model knows of its world: every wording, asked about every name."""

    checkpoint: str
    known: float = Field(description="share of the names from which on a wording counts as known")
    relations: list[KnownRelationInfo]


class CheckpointInfo(Wire):
    id: str
    title: str
    note: str = Field(description="what this checkpoint is, one or two sentences for the page")
    graph: GraphInfo
    model: ModelInfo
    training: TrainingInfo | None = Field(description="null of a language model, which was not trained here")
    language: LanguageInfo | None = Field(default=None, description="null of a model that was trained here")
    default: bool
    accuracy: AccuracyInfo
    rings: RingInfo
    notes: NoteInfo | None = Field(default=None, description="null of a model that was not taught to obey notes")
    opening: str = Field(
        description="the relation that the page opens on: one whose picture was whole when it was trained, else the first"
    )
    view: str = Field(
        description="all that the page opens on, as in a link: question, new object, picture; empty: `opening` alone"
    )
    sha256: str


class Answer(Wire):
    object: int
    probability: float


class FactInfo(Wire):
    checkpoint: str
    edit: str | None = None
    subject: int
    relation: str
    relation2: str | None = Field(default=None, description="second relation of a composition")
    object: int = Field(description="the truth, the first where there are several")
    objects: list[int] = Field(description="all that are right")
    prediction: int
    probability: float = Field(description="of the truth, the first where there are several")
    stated: bool = Field(description="seen in training")
    top: list[Answer]


class TargetDistance(Wire):
    distance: int = Field(
        description="steps from the true object along the edges of the relation's group; on a ring clockwise"
    )
    objects: list[int] = Field(description="the one that an edit asked for by this distance teaches comes first")


class Targets(Wire):
    """What can be taught instead of a fact: other objects of its relation, by their distance from the true one."""

    checkpoint: str
    subject: int
    relation: str
    truths: list[int] = Field(description="the objects that are right; none where the subject has no such fact")
    targets: list[TargetDistance] = Field(description="the nearest first")


class WrongFact(Wire):
    """A fact the model gets wrong: a candidate for a corrective edit."""

    subject: int
    relation: str
    object: int
    prediction: int
    probability: float = Field(description="of the truth")
    stated: bool


class ErrorList(Wire):
    total: int = Field(description="number of wrong facts among all single facts")
    errors: list[WrongFact]
