"""Sweeps, the jobs that they are, and their rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.sse import format_sse_event
from starlette.responses import Response, StreamingResponse

from shatterscope.backend.api.dependencies import JobDeskDep
from shatterscope.backend.api.events import CONNECTED, SIGN_OF_LIFE, event_stream
from shatterscope.backend.api.jobs import JobDesk
from shatterscope.wire.sweeps import ENDED, JobCreated, JobInfo, SweepRequest

router = APIRouter(tags=["sweeps"])

JobId = Annotated[str, Path(description="id of a job, as returned by POST /sweeps")]
JobOwner = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="the token of POST /sweeps")),
]
REFUSED: dict[int | str, dict[str, Any]] = {
    401: {"description": "The bearer token is missing, and the caller is not at the server's machine."},
    403: {"description": "It is not this job's."},
}


async def _own(desk: JobDeskDep, id: JobId, owner: JobOwner) -> str:
    """The job, for who may steer it; a 404 comes before a refusal."""
    await desk.get(id)
    desk.owners.check(id, owner.credentials if owner else None)
    return id


OwnJobId = Annotated[str, Depends(_own)]


@router.post("/sweeps", status_code=202)
async def start_sweep(desk: JobDeskDep, request: SweepRequest) -> JobCreated:
    """Draw the edits of a grid (methods x kinds x edits per cell) and compute them in the background. Keep the token: whoever has it
    steers the job, beside who sits at the server's machine."""
    return await desk.create(request)


@router.get(
    "/sweeps/{id}/rows",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "the rows that are finished, by index",
            "content": {
                "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/SweepRow"}}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    },
)
async def get_rows(
    desk: JobDeskDep,
    id: JobId,
    format: Annotated[
        Literal["json", "csv"], Query(description="csv: one line per row, a column for every number")
    ] = "json",
) -> Response:
    """One row per edit (or measurement of a sequence): everything measured."""
    await desk.check_rows(id)
    if format == "json":
        return StreamingResponse(desk.rows_json(id), media_type="application/json")
    headers = {"Content-Disposition": f'attachment; filename="sweep-{id}.csv"'}
    return StreamingResponse(desk.rows_csv(id), media_type="text/csv", headers=headers)


@router.get("/jobs")
async def list_jobs(desk: JobDeskDep, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[JobInfo]:
    """The newest first."""
    return await desk.list(limit)


@router.get("/jobs/{id}")
async def get_job(desk: JobDeskDep, id: JobId) -> JobInfo:
    """How far it is, how fast, and what went wrong."""
    return await desk.get(id)


@router.post("/jobs/{id}/pause", responses=REFUSED)
async def pause_job(desk: JobDeskDep, id: OwnJobId) -> JobInfo:
    """Stop for now. A 409 where it has ended."""
    return await desk.pause(id)


@router.post("/jobs/{id}/resume", responses=REFUSED)
async def resume_job(desk: JobDeskDep, id: OwnJobId) -> JobInfo:
    """Go on with the rows that are missing: after a pause, a failure, a crash, or a change of mind about cancelling."""
    return await desk.resume(id)


@router.delete("/jobs/{id}", responses=REFUSED)
async def cancel_job(desk: JobDeskDep, id: OwnJobId) -> JobInfo:
    """Stop for good; its rows are kept."""
    return await desk.cancel(id)


@router.get(
    "/jobs/{id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "server-sent events `progress` and `end`",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def follow_job(desk: JobDeskDep, id: JobId) -> StreamingResponse:
    """Server-sent events: `progress` with the job, at once and whenever it has changed; then `end` with the job, when it is done,
    cancelled or failed."""
    await desk.get(id)
    desk.check_followers()
    return event_stream(_events(desk, id))


async def _events(desk: JobDesk, id: str) -> AsyncIterator[bytes]:
    yield CONNECTED
    async for info in desk.follow(id):
        if info is None:
            yield SIGN_OF_LIFE
            continue
        data = info.model_dump_json()
        yield format_sse_event(event="progress", data_str=data)
        if info.status in ENDED:
            yield format_sse_event(event="end", data_str=data)
