"""Exports of one view: coordinates and metrics with their provenance."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from shatterscope.backend.api import exports
from shatterscope.backend.api.dependencies import LaboratoryDep
from shatterscope.wire.share import Export, ExportRequest

router = APIRouter(tags=["exports"])


@router.post(
    "/exports",
    responses={
        200: {
            "description": "the export, as JSON or as one CSV",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
    response_model=Export,
)
async def export_view(
    laboratory: LaboratoryDep,
    request: ExportRequest,
    format: Annotated[
        Literal["json", "csv"],
        Query(
            description="csv: provenance as `#` lines, then one table whose rows are a `metric`, a `shape`, a `statistic` or an `entity`"
        ),
    ] = "json",
) -> Export | Response:
    """Coordinates and metrics of a picture before and after edits, with everything it takes to compute them again."""
    export = await exports.get_export(laboratory, request)
    if format == "json":
        return export
    return Response(exports.to_csv(export), media_type="text/csv; charset=utf-8")
