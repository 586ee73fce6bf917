"""Live rooms: a presenter shares the view state, followers see it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import StreamingResponse

from backend.api.dependencies import LaboratoryDep, RoomId, RoomsDep
from backend.api.problems import ProblemError
from backend.api.rooms import MAX_STATE_BYTES, Room, RoomsFull
from backend.schemas import RoomCreated, RoomInfo, RoomRevision, RoomState

router = APIRouter(tags=["rooms"])

Presenter = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="the presenter_token of POST /rooms")),
]


def _room(rooms: RoomsDep, id: RoomId) -> Room:
    room = rooms.get(id)
    if room is None:
        raise ProblemError(404, f"there is no room {id!r}; rooms close after a day and when the server restarts")
    return room


RoomDep = Annotated[Room, Depends(_room)]


@router.post("/rooms", status_code=201)
async def open_room(rooms: RoomsDep, laboratory: LaboratoryDep, request: Request) -> RoomCreated:
    """Open a room. Keep the token: whoever has it writes the room's state."""
    try:
        room = rooms.create()
    except RoomsFull as error:
        raise ProblemError(429, str(error), headers={"Retry-After": "600"}) from None
    base = laboratory.settings.public_url or f"{request.url.scheme}://{request.url.netloc}"
    return RoomCreated(id=room.id, audience_url=f"{base}/?room={room.id}", presenter_token=room.presenter_token)


@router.get("/rooms/{id}")
async def get_room(room: RoomDep) -> RoomInfo:
    """Revision and number of followers."""
    return RoomInfo(id=room.id, revision=room.revision, followers=room.followers, created=room.created.isoformat())


@router.put(
    "/rooms/{id}/state",
    responses={401: {"description": "The bearer token is missing."}, 403: {"description": "It is not this room's."}},
)
async def set_room_state(room: RoomDep, presenter: Presenter, body: RoomState) -> RoomRevision:
    """Replace the state that followers see."""
    if presenter is None:
        detail = "send the presenter_token as `Authorization: Bearer <token>`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
    if not room.is_presenter(presenter.credentials):
        raise ProblemError(403, "this token is not the presenter's of this room")
    if len(json.dumps(body.state)) > MAX_STATE_BYTES:
        raise ProblemError(413, f"a state has at most {MAX_STATE_BYTES} bytes as JSON")
    return RoomRevision(revision=room.publish(body.state))


@router.get(
    "/rooms/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "server-sent events `state`",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def follow_room(
    room: RoomDep,
    last_event_id: Annotated[str | None, Header(description="newest revision seen; the browser sends it")] = None,
) -> StreamingResponse:
    """Server-sent events `state`, data `{revision, state}`, id the revision: a snapshot first, then only the newest."""
    seen = int(last_event_id) if last_event_id and last_event_id.isascii() and last_event_id.isdigit() else -1
    return StreamingResponse(
        _events(room, seen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _events(room: Room, seen: int) -> AsyncIterator[str]:
    yield ": connected\n\n"
    async for update in room.follow(seen):
        if update is None:
            yield ": still here\n\n"
        else:
            revision, state = update
            data = json.dumps({"revision": revision, "state": state}, separators=(",", ":"))
            yield f"id: {revision}\nevent: state\ndata: {data}\n\n"
