"""What an edit will do, said before any weight changes, and held against what it did."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shatterscope.wire.base import Array, Wire
from shatterscope.wire.edits import EditRequest

Damage = Literal["edit", "retain", "test", "loss"]
"""R of each sub-graph, and the share of direct recall lost."""

Outside = Literal["parameters", "layer", "restraint", "implied", "strength", "stack"]


class PredictionRequest(EditRequest):
    """The last of the edits is foreseen, on the model that those before it left."""

    measured: bool = Field(default=False, description="make the edit as well, and say what it did")


class ExpectedDamage(Wire):
    """In two of three edits the measured value lies between `low` and `high`, as far as they are like those that were fitted."""

    of: Damage
    value: float
    low: float
    high: float
    r2: float = Field(description="on held-out edits, of log R or the square root of the loss")
    measured: float | None = Field(default=None, description="what it was; null where it was not asked for")


class FittedOn(Wire):
    """The edits that were measured: at random, by the preset alone, each on the unedited model."""

    preset: str
    layer: int
    edits: int = Field(
        description="each fifth of them foreseen by lines fitted to the other four: so the errors and r2 are measured"
    )
    spearman: float | None = Field(
        description="rank correlation of overlap and displacement over the entities of the relation; mean over these edits"
    )
    auc: float | None = Field(
        description="how well overlap / margin ranks the answers that change above the others; mean over these edits"
    )


class MeasuredMove(Wire):
    """What the edit did to the entities of its relation."""

    displacement: Array = Field(description="of each representation, at the last layer's resid_post")
    changed: int = Field(description="answers that are others than before")
    spearman: float | None = Field(description="rank correlation with the overlap")
    auc: float | None = Field(description="of overlap / margin for the changed answers; null where all or none changed")


class PredictionResult(Wire):
    checkpoint: str
    relation: str
    entities: list[int] | None = Field(description="which entity each value is of; null: all of them, in order")
    overlap: Array | None = Field(
        description="how far each entity will move, in units of the edited one's: |u . k_j| / |u . k|, u the direction that the method writes along. "
        "null where there is none"
    )
    margin: Array = Field(description="by how much each answer leads, in logits")
    writes: Literal["direction", "gate", "unknown"] = Field(
        description="direction: along one that is known before; gate: beside the weights, on the fact's own inputs alone; unknown: in none that is known before"
    )
    expected: list[ExpectedDamage] = Field(description="empty where nothing was fitted to such edits")
    fitted: FittedOn | None = Field(description="null where nothing was fitted for the method")
    outside: list[Outside] = Field(
        description="in which ways the edit is another than those that were fitted. Behind other edits (`stack`) the expectation is told all the same"
    )
    move: MeasuredMove | None = Field(default=None, description="null where it was not asked for")
    problem: str = Field(default="", description="why nothing can be foreseen, or why the shipped edits cannot be used")
    seconds: float
