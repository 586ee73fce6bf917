"""Editors and edits. An edit's id is the hash of its whole specification: what it names never changes."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from backend.api.dependencies import EditId, LaboratoryDep
from backend.schemas import EditorInfo, EditRequest, EditResult

router = APIRouter(tags=["edits"])

IMMUTABLE = "public, max-age=31536000, immutable"


def _not_modified(request: Request, etag: str) -> bool:
    sent = (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(","))
    return etag in sent


@router.get("/editors")
async def list_editors(laboratory: LaboratoryDep) -> list[EditorInfo]:
    """The editing methods, their presets, and their parameters as JSON Schema."""
    return laboratory.editors()


@router.post("/edits")
async def make_edits(laboratory: LaboratoryDep, request: EditRequest) -> EditResult:
    """Apply edits in order, each to the model the ones before it left. The same edits give the same id and are computed once."""
    return await laboratory.edit(request)


@router.get("/edits/{id}", responses={304: {"description": "What you have is right: an id never changes its meaning."}})
async def get_edit(laboratory: LaboratoryDep, id: EditId, request: Request, response: Response) -> EditResult:
    """The same again, computed anew if it is no longer cached."""
    result = await laboratory.edit_result(id)
    response.headers.update({"ETag": f'"{id}"', "Cache-Control": IMMUTABLE})
    return result


@router.get(
    "/edits/{id}/delta",
    response_class=Response,
    responses={
        200: {
            "description": "safetensors: one tensor per changed parameter, W_edited - W; the specification is in the metadata",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_delta(laboratory: LaboratoryDep, id: EditId, request: Request) -> Response:
    """The weight deltas, a safetensors file."""
    headers = {"ETag": f'"{id}.delta"', "Cache-Control": IMMUTABLE}
    content = await laboratory.delta_file(id)
    headers["Content-Disposition"] = f'attachment; filename="{id}.safetensors"'
    return Response(content, media_type="application/octet-stream", headers=headers)
