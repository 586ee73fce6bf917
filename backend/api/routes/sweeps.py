"""Sweeps, the jobs that they are, and their rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from backend.api.dependencies import JobDeskDep
from backend.api.jobs import JobDesk
from backend.sweep_schemas import ENDED, JobInfo, SweepRequest

router = APIRouter(tags=["sweeps"])

JobId = Annotated[str, Path(description="id of a job, as returned by POST /sweeps")]


@router.post("/sweeps", status_code=202)
async def start_sweep(desk: JobDeskDep, request: SweepRequest) -> JobInfo:
    """Draw the edits of a grid (methods x kinds x edits per cell) and compute them in the background."""
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


@router.post("/jobs/{id}/pause")
async def pause_job(desk: JobDeskDep, id: JobId) -> JobInfo:
    """Stop for now. A 409 where it has ended."""
    return await desk.pause(id)


@router.post("/jobs/{id}/resume")
async def resume_job(desk: JobDeskDep, id: JobId) -> JobInfo:
    """Go on with the rows that are missing: after a pause, a failure, a crash, or a change of mind about cancelling."""
    return await desk.resume(id)


@router.delete("/jobs/{id}")
async def cancel_job(desk: JobDeskDep, id: JobId) -> JobInfo:
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
    return StreamingResponse(
        _events(desk, id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _events(desk: JobDesk, id: str) -> AsyncIterator[str]:
    yield ": connected\n\n"
    async for info in desk.follow(id):
        if info is None:
            yield ": still here\n\n"
            continue
        data = info.model_dump_json()
        yield f"event: progress\ndata: {data}\n\n"
        if info.status in ENDED:
            yield f"event: end\ndata: {data}\n\n"
