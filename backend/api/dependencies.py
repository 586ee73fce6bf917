"""What routes ask for, by type."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from shatterscope.backend.api.jobs import JobDesk
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.limiter import Limiter
from shatterscope.backend.api.oracles import Oracles
from shatterscope.backend.api.rooms import RoomLimits, Rooms


def _laboratory(request: Request) -> Laboratory:
    laboratory: Laboratory = request.app.state.laboratory
    return laboratory


def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


def _room_limits(request: Request) -> RoomLimits:
    limits: RoomLimits = request.app.state.room_limits
    return limits


def _desk(request: Request) -> JobDesk:
    desk: JobDesk = request.app.state.jobs
    return desk


def _oracles(request: Request) -> Oracles:
    oracles: Oracles = request.app.state.oracles
    return oracles


def _view_limit(request: Request) -> Limiter:
    limit: Limiter = request.app.state.view_limit
    return limit


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


LaboratoryDep = Annotated[Laboratory, Depends(_laboratory)]
JobDeskDep = Annotated[JobDesk, Depends(_desk)]
OraclesDep = Annotated[Oracles, Depends(_oracles)]
RoomsDep = Annotated[Rooms, Depends(_rooms)]
RoomLimitsDep = Annotated[RoomLimits, Depends(_room_limits)]
ViewLimitDep = Annotated[Limiter, Depends(_view_limit)]
AddressDep = Annotated[str, Depends(_address)]
CheckpointId = Annotated[str, Path(description="id of a checkpoint, as listed by GET /checkpoints")]
EditId = Annotated[str, Path(description="id of an edit, as returned by POST /edits")]
RoomId = Annotated[str, Path(description="id of a room, as returned by POST /rooms")]
