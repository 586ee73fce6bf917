"""A checkpoint and the world it was trained on: what it knows and how well, its facts and its mistakes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Wire

Verdict = Literal["ring", "line", "knot", "pieces", "point", "none"]


class GraphInfo(Wire):
    kind: Literal["rings"] = "rings"
    n_entities: int
    n_orders: int
    n_hops: int
    orders: list[str]
    relations: list[str]


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
    shape: dict[str, Verdict] | None = Field(
        description="per relation: what its 2D Isomap shows; null where it was not judged: `shatterscope checkpoints --judge`"
    )
    closed: int | None = Field(
        description="number of relations whose Isomap shows a ring; null where it was not judged: `shatterscope checkpoints --judge`"
    )


class CheckpointInfo(Wire):
    id: str
    title: str
    note: str = Field(description="what this checkpoint is, one or two sentences for the page")
    graph: GraphInfo
    model: ModelInfo
    training: TrainingInfo
    default: bool
    accuracy: AccuracyInfo
    rings: RingInfo
    opening: str = Field(
        description="the relation that the page opens on: one whose picture was a ring when it was trained, else the first"
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
    object: int = Field(description="the truth")
    prediction: int
    probability: float = Field(description="of the truth")
    stated: bool = Field(description="seen in training")
    top: list[Answer]


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
