"""The paper's tables and figures: from the rows of a sweep, from a run that ships with a checkpoint, and from inside the model."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from shatterscope.backend.api import reproduction, rings
from shatterscope.backend.api.dependencies import CheckpointId, JobDeskDep, LaboratoryDep
from shatterscope.backend.api.routes.sweeps import JobId
from shatterscope.wire.reproduction import (
    KeysValues,
    KeysValuesRequest,
    Report,
    Reproduction,
    RingsRequest,
    RingsResult,
    Tracing,
    TracingRequest,
)

router = APIRouter(tags=["reproduction"])


@router.get("/sweeps/{id}/report")
async def get_report(desk: JobDeskDep, id: JobId) -> Report:
    """The paper's tables from the rows that are finished, beside the paper's numbers; also while the sweep runs."""
    return await reproduction.sweep_report(desk, id)


@router.get("/checkpoints/{id}/reproduction")
async def get_reproduction(laboratory: LaboratoryDep, id: CheckpointId) -> Reproduction:
    """The run that ships with a checkpoint. A 404 where there is none."""
    return await reproduction.shipped_reproduction(laboratory, id)


@router.get(
    "/checkpoints/{id}/reproduction/rows",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "the rows of the shipped run, by index",
            "content": {
                "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/SweepRow"}}},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    },
)
async def get_reproduction_rows(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    format: Annotated[
        Literal["json", "csv"], Query(description="csv: one line per row, a column for every number")
    ] = "json",
    part: Annotated[Literal["single", "sequence"], Query(description="single edits, or sequences")] = "single",
) -> Response:
    """The rows of the run that ships with a checkpoint, to six significant digits."""
    shipped = await reproduction.shipped_run(laboratory, id, part)
    if format == "json":
        return StreamingResponse(reproduction.shipped_json(shipped, part), media_type="application/json")
    headers = {"Content-Disposition": f'attachment; filename="reproduction-{shipped.manifest.checkpoint}-{part}.csv"'}
    return StreamingResponse(reproduction.shipped_csv(shipped, part), media_type="text/csv", headers=headers)


@router.post("/tracings")
async def trace_answers(laboratory: LaboratoryDep, request: TracingRequest) -> list[Tracing]:
    """Causal tracing of `y r' x r`: with the subject replaced, then with the relation replaced, of the same facts."""
    return await reproduction.get_tracings(laboratory, request)


@router.post("/keys-values")
async def get_keys_values(laboratory: LaboratoryDep, request: KeysValuesRequest) -> KeysValues:
    """Keys and values of an MLP at the relation token of `x r`, (n_entities, 2) each by PCA."""
    return await reproduction.get_keys_values(laboratory, request)


@router.post("/rings")
async def get_rings(laboratory: LaboratoryDep, request: RingsRequest) -> RingsResult:
    """All relations before and after an edit, small: 2D Isomaps of all entities, of which some are handed out."""
    return await rings.get_rings(laboratory, request)
