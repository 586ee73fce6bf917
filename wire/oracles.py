"""The oracle: a fact learned by training, beside a control without it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from shatterscope.wire.edits import NewFact

Status = Literal["queued", "running", "done", "cancelled", "failed"]


class OracleRequest(NewFact):
    """Give the new object either by `object` or by `distance` (steps clockwise from the true object)."""

    checkpoint: str
    implied: bool = Field(
        default=False, description="what follows from the fact by the rules of the world is stated in the text as well"
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="of the training, those that are not the defaults; GET /oracles/method tells them",
    )


class OracleInfo(NewFact):
    """A job that trains two models: `learned` is told the fact, `control` is trained by the same text without it. Once it is `done` both are edits,
    `learned` and `control` their ids: POST /projections, /verdicts and /evaluations show what each did."""

    id: str
    checkpoint: str
    implied: bool
    parameters: dict[str, Any]
    status: Status
    done: int = Field(description="steps of both models together")
    total: int
    loss: float | None = Field(description="of the model that learns the fact, nats a token; null before it has begun")
    probability: float | None = Field(description="that it gives to the new object now")
    error: str | None = None
    learned: str
    control: str


class OracleCreated(OracleInfo):
    token: str = Field(
        description="takes this request back, as `Authorization: Bearer <token>`: training ends when all who asked for it have done so"
    )
