"""Editors and edits. An edit's id is the hash of its whole specification: what it names never changes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from shatterscope.backend.api.dependencies import EditId, LaboratoryDep
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.wire.edits import EditorInfo, EditRequest, EditResult

router = APIRouter(tags=["edits"])

IMMUTABLE = "public, max-age=31536000, immutable"
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What you have is right: an id never changes its meaning."}
}


async def _headers(laboratory: Laboratory, request: Request, id: str, file: str = "") -> dict[str, str]:
    """Caching headers; a 304 where the client has the answer already (nothing is computed then)."""
    present = await laboratory.present_id(id)
    # A file is the same to the last byte; the description tells also how long it took this time.
    etag = f'"{present}{file}"' if file else f'W/"{present}"'
    # What an earlier version of this program named is computed as this one does, and may change again.
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE if present == id else "no-cache"}
    sent = request.headers.get("if-none-match", "").split(",")
    if etag.removeprefix("W/") in (tag.strip().removeprefix("W/") for tag in sent):
        raise HTTPException(304, headers=headers)
    return headers


@router.get("/editors")
async def list_editors(laboratory: LaboratoryDep) -> list[EditorInfo]:
    """The editing methods, their presets, and their parameters as JSON Schema."""
    return laboratory.editors()


@router.post("/edits")
async def make_edits(laboratory: LaboratoryDep, request: EditRequest) -> EditResult:
    """Apply edits in order, each to the model the ones before it left. The same edits give the same id and are computed once."""
    return await laboratory.edit(request)


@router.get("/edits/{id}", responses=NOT_MODIFIED)
async def get_edit(laboratory: LaboratoryDep, id: EditId, request: Request, response: Response) -> EditResult:
    """The same again, computed again if it is no longer cached."""
    headers = await _headers(laboratory, request, id)
    result = await laboratory.edit_result(id)
    response.headers.update(headers)
    return result


def _safetensors(holds: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    said = f"safetensors: {holds}; checkpoint, its hash and the specification are in the metadata"
    return NOT_MODIFIED | {200: {"description": said, "content": content}}


@router.get(
    "/edits/{id}/delta",
    response_class=Response,
    responses=_safetensors("one tensor per changed parameter, W_edited - W"),
)
async def get_delta(laboratory: LaboratoryDep, id: EditId, request: Request) -> Response:
    """The weight deltas, a safetensors file. Of GRACE and Patch, which change no weight: the codebook, and the neurons added."""
    headers = await _headers(laboratory, request, id, ".delta")
    content = await laboratory.delta_file(id)
    headers["Content-Disposition"] = f'attachment; filename="{id}.delta.safetensors"'
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get(
    "/edits/{id}/weights",
    response_class=Response,
    responses=_safetensors("every parameter of the edited model, under its name in the checkpoint"),
)
async def get_weights(laboratory: LaboratoryDep, id: EditId, request: Request) -> Response:
    """The complete edited weights, a safetensors file. Of GRACE and Patch: the unedited weights, and beside them the codebook, and the neurons added."""
    headers = await _headers(laboratory, request, id, ".weights")
    content = await laboratory.weights_file(id)
    headers["Content-Disposition"] = f'attachment; filename="{id}.safetensors"'
    return Response(content, media_type="application/octet-stream", headers=headers)
