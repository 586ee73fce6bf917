"""Live rooms: a presenter and those who follow."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from shatterscope.wire.base import Wire


class RoomToken(Wire):
    """`expires`: when the room ends by itself, and the token with it."""

    presenter_token: str
    expires: str


class RoomCreated(RoomToken):
    id: str
    audience_url: str


class RoomInfo(Wire):
    id: str
    audience_url: str
    revision: int
    followers: int
    created: str
    expires: str


class RoomQuestion(Wire):
    """A step of a lesson that asks the audience something."""

    lesson: str = Field(min_length=1, max_length=64)
    step: int = Field(ge=0, le=999)


class RoomState(Wire):
    state: dict[str, Any]
    shown: RoomQuestion | None = Field(default=None, description="the question whose counts the followers see")


class RoomRevision(Wire):
    revision: int


class RoomHandover(Wire):
    """A link that makes whoever opens it the presenter, once."""

    code: str
    url: str
    seconds: float


class RoomClaim(Wire):
    code: str = Field(min_length=1, max_length=128)


class RoomAnswer(RoomQuestion):
    choice: int = Field(ge=0, le=15)
    voter: str = Field(
        min_length=8,
        max_length=64,
        description="a name drawn at random by the page: one answer each, the latest counts",
    )
