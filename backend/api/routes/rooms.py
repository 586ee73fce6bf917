"""Live rooms: a presenter shares the view state, followers see it and answer questions."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response, StreamingResponse

from shatterscope.backend.api.dependencies import AddressDep, LaboratoryDep, RoomId, RoomLimitsDep, RoomsDep
from shatterscope.backend.api.events import CONNECTED, SIGN_OF_LIFE, event_stream
from shatterscope.backend.api.limiter import Limiter
from shatterscope.backend.api.polls import PolledQuestion, PollFull
from shatterscope.backend.api.problems import ProblemError
from shatterscope.backend.api.rooms import HANDOVER_SECONDS, MAX_FOLLOWERS, MAX_STATE_BYTES, Room, RoomsFull
from shatterscope.wire.rooms import (
    RoomAnswer,
    RoomClaim,
    RoomCreated,
    RoomHandover,
    RoomInfo,
    RoomQuestion,
    RoomRevision,
    RoomState,
    RoomToken,
)

router = APIRouter(tags=["rooms"])

Credentials = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="the presenter_token of POST /rooms")),
]
REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"description": "The bearer token is missing."},
    403: {"description": "It is not this room's."},
}


def _room(rooms: RoomsDep, id: RoomId) -> Room:
    room = rooms.get(id)
    if room is None:
        raise ProblemError(404, f"there is no room {id!r}; rooms end when their presenter says so, and after a day")
    return room


RoomDep = Annotated[Room, Depends(_room)]


def _limit(limiter: Limiter, address: str, room: Room, what: str) -> None:
    wait = limiter.take((address, room.id))
    if wait:
        raise ProblemError(429, f"too many {what} from this address; try again in {wait} s", headers=_retry(wait))


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": f"{seconds:.0f}"}


def _refuse_guess(limits: RoomLimitsDep, address: str, room: Room, detail: str) -> ProblemError:
    """Only wrong guesses are counted: an audience and its presenter often share an address."""
    _limit(limits.guesses, address, room, "wrong secrets for this room")
    return ProblemError(403, detail)


def _presenter(room: RoomDep, given: Credentials, limits: RoomLimitsDep, address: AddressDep) -> Room:
    """The room, for whoever has its secret."""
    if given is None:
        detail = "send the presenter_token as `Authorization: Bearer <token>`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
    if not room.is_presenter(given.credentials):
        raise _refuse_guess(limits, address, room, "this token is not the presenter's of this room")
    return room


DrivenRoomDep = Annotated[Room, Depends(_presenter)]


def _base(laboratory: LaboratoryDep, request: Request) -> str:
    return laboratory.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"


BaseDep = Annotated[str, Depends(_base)]


def _audience_url(base: str, room: Room) -> str:
    return f"{base}/?room={quote(room.id)}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@router.post("/rooms", status_code=201)
async def open_room(rooms: RoomsDep, limits: RoomLimitsDep, base: BaseDep, address: AddressDep) -> RoomCreated:
    """Open a room. Keep the token: whoever has it writes the room's state."""
    wait = limits.rooms.take(address)
    if wait:
        raise ProblemError(429, f"too many rooms from this address; try again in {wait} s", headers=_retry(wait))
    try:
        room, token = await rooms.create()
    except RoomsFull as error:
        raise ProblemError(429, str(error), headers=_retry(600)) from None
    url = _audience_url(base, room)
    return RoomCreated(id=room.id, audience_url=url, presenter_token=token, expires=_when(room.expires))


@router.get("/rooms/{id}")
async def get_room(room: RoomDep, base: BaseDep) -> RoomInfo:
    """Revision and number of followers."""
    return RoomInfo(
        id=room.id,
        audience_url=_audience_url(base, room),
        revision=room.revision,
        followers=room.followers,
        created=_when(room.created),
        expires=_when(room.expires),
    )


@router.delete("/rooms/{id}", status_code=204, responses=REFUSED)
async def end_room(room: DrivenRoomDep, rooms: RoomsDep) -> None:
    """End the room: followers are told, and nothing of it is kept."""
    await rooms.end(room)


@router.get(
    "/rooms/{id}/qr.svg",
    response_class=Response,
    responses={200: {"description": "a picture", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
async def get_room_qr(room: RoomDep, base: BaseDep) -> Response:
    """The audience's link as a QR code, black on white."""
    picture = io.BytesIO()
    segno.make(_audience_url(base, room), error="m").save(
        picture, kind="svg", border=3, light="#fff", xmldecl=False, omitsize=True
    )
    return Response(picture.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})


@router.put("/rooms/{id}/state", responses=REFUSED)
async def set_room_state(room: DrivenRoomDep, rooms: RoomsDep, body: RoomState) -> RoomRevision:
    """Replace the state that followers see, and say which question's counts they see with it."""
    try:
        return RoomRevision(revision=rooms.publish(room, body.state, _question(body.shown)))
    except ValueError:
        raise ProblemError(413, f"a state has at most {MAX_STATE_BYTES} bytes as JSON") from None


@router.post("/rooms/{id}/answers", status_code=204)
async def answer(room: RoomDep, limits: RoomLimitsDep, address: AddressDep, body: RoomAnswer) -> None:
    """Answer a lesson's question. The presenter hears the counts, the followers when the presenter shows them."""
    _limit(limits.answers, address, room, "answers")
    question = _question(body)
    assert question is not None
    try:
        room.answer(question, body.voter, body.choice)
    except PollFull as error:
        raise ProblemError(429, str(error), headers=_retry(600)) from None


def _question(asked: RoomQuestion | None) -> PolledQuestion | None:
    return PolledQuestion(asked.lesson, asked.step) if asked is not None else None


@router.post("/rooms/{id}/handover", responses=REFUSED)
async def offer_room(room: DrivenRoomDep, rooms: RoomsDep, base: BaseDep) -> RoomHandover:
    """A code to hand over with, good for once and some minutes. Until it is used the presenter stays."""
    code = rooms.offer(room)
    return RoomHandover(code=code, url=f"{_audience_url(base, room)}#take={code}", seconds=HANDOVER_SECONDS)


@router.post("/rooms/{id}/presenter", responses={403: REFUSED[403]})
async def take_room(
    room: RoomDep, rooms: RoomsDep, limits: RoomLimitsDep, address: AddressDep, body: RoomClaim
) -> RoomToken:
    """Take over with a presenter's code: the answer is a new token, and the old one is void."""
    token = await rooms.take(room, body.code)
    if token is None:
        raise _refuse_guess(limits, address, room, "this code was used, is too old, or is not this room's")
    return RoomToken(presenter_token=token, expires=_when(room.expires))


@router.get(
    "/rooms/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "server-sent events `state`, `room`, `counts`, `end`",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        403: REFUSED[403],
    },
)
async def follow_room(
    room: RoomDep,
    given: Credentials,
    limits: RoomLimitsDep,
    address: AddressDep,
    last_event_id: Annotated[str | None, Header(description="newest revision seen; the browser sends it")] = None,
) -> StreamingResponse:
    """Server-sent events: `state` with `{revision, state}`, id the revision: a snapshot first, then only the newest; `room` with
    `{followers, presenter}`; `counts` with `{lesson, step, counts, shown}` while the presenter shows them; `end` with `{reason}`.

    With a presenter's token the stream is the presenter's: no states, counts always, not counted as a follower.
    """
    presenter = given is not None
    if presenter:
        _presenter(room, given, limits, address)
    elif room.followers >= MAX_FOLLOWERS:
        detail = f"this room has {MAX_FOLLOWERS} followers, the most it can have"
        raise ProblemError(429, detail, headers=_retry(60))
    seen = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else -1
    return event_stream(_events(room, seen, presenter))


async def _events(room: Room, seen: int, presenter: bool) -> AsyncIterator[bytes]:
    yield CONNECTED
    async for message in room.follow(seen, presenter=presenter):
        yield SIGN_OF_LIFE if message is None else message.encoded
