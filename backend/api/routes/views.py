"""Short links, the gallery, and QR codes."""

from __future__ import annotations

import asyncio
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.responses import Response

from shatterscope.backend.api import views
from shatterscope.backend.api.dependencies import AddressDep, LaboratoryDep, ViewLimitDep
from shatterscope.backend.api.problems import ProblemError
from shatterscope.wire.share import NewView, View, ViewCreated

router = APIRouter(tags=["views"])

MAX_QR = 500  # characters: what a phone still reads from a screen
IMMUTABLE = "public, max-age=31536000, immutable"

ViewId = Annotated[str, Path(description="id of a view, as returned by POST /views")]
ViewOwner = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="the token of POST /views")),
]


@router.post(
    "/views",
    status_code=201,
    responses={200: {"description": "It was stored before.", "model": ViewCreated}},
)
async def store_view(
    laboratory: LaboratoryDep, limit: ViewLimitDep, address: AddressDep, request: NewView, response: Response
) -> ViewCreated:
    """Store a view behind a short id; with a title it is in the gallery. Keep the token: whoever has it deletes the view."""
    wait = limit.take(address)
    if wait:
        raise ProblemError(
            429, f"too many views from this address; try again in {wait} s", headers={"Retry-After": str(wait)}
        )
    view, new = await views.create(laboratory.store, request)
    response.status_code = 201 if new else 200
    return view


@router.get("/views")
async def list_views(laboratory: LaboratoryDep, limit: Annotated[int, Query(ge=1, le=500)] = 200) -> list[View]:
    """The gallery: views with a title, the newest first."""
    return await views.gallery(laboratory.store, limit)


@router.get("/views/{id}")
async def get_view(laboratory: LaboratoryDep, id: ViewId) -> View:
    """Where a short link leads."""
    return await views.get(laboratory.store, id)


@router.delete(
    "/views/{id}",
    status_code=204,
    responses={401: {"description": "The bearer token is missing."}, 403: {"description": "It is not this view's."}},
)
async def delete_view(laboratory: LaboratoryDep, id: ViewId, owner: ViewOwner) -> None:
    """Only with the token that was given when the view was stored."""
    if owner is None:
        detail = "send the view's token as `Authorization: Bearer <token>`"
        raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
    await views.delete(laboratory.store, id, owner.credentials)


@router.get(
    "/qr",
    response_class=Response,
    responses={200: {"description": "an SVG", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
async def draw_qr(
    text: Annotated[str, Query(min_length=1, max_length=MAX_QR, description="usually a link")],
) -> Response:
    """A QR code, black on white, with its quiet zone: one unit a module."""
    content = await asyncio.to_thread(_svg, text)
    return Response(content, media_type="image/svg+xml", headers={"Cache-Control": IMMUTABLE})


def _svg(text: str) -> bytes:
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", xmldecl=False, light="#fff", omitsize=True)
    return out.getvalue()
