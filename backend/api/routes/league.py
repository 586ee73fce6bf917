"""Every method beside every other: the league table."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

from shatterscope.backend.api.dependencies import CheckpointId, LaboratoryDep
from shatterscope.backend.api.league import shipped_league
from shatterscope.backend.league.table import csv_lines
from shatterscope.wire.league import League, SetName

router = APIRouter(tags=["league"])


@router.get(
    "/checkpoints/{id}/league",
    response_model=League,
    responses={
        200: {
            "description": "the table, as JSON or CSV",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def get_league(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    set: Annotated[SetName, Query(description="open, or sealed: edits held apart, for claims")] = "open",
    distance: Annotated[
        int | None, Query(ge=0, description="of the edits; 0: corrective ones; all, if left out")
    ] = None,
    format: Annotated[
        Literal["json", "csv"], Query(description="csv: one line a row, every mean with its interval and n")
    ] = "json",
) -> League | Response:
    """The league table that ships with a checkpoint: every preset of every method on one fixed set of edits, at its own strength and at equal efficacy, with 95 %
    intervals. A 404 where there is none."""
    found = await shipped_league(laboratory, id, set, distance)
    if format == "json":
        return found
    name = f"league-{found.checkpoint}-{found.set}{'' if distance is None else f'-{distance}'}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse("".join(csv_lines(found)), media_type="text/csv", headers=headers)
