"""Addresses of the dashboard that are no pages: files of a view, and short links.

GET /export.html?<query of a view>     also .json, .csv, .safetensors
GET /v/<id>                            the view behind a short link
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app import links
from app.client import ApiError, Client
from app.share import cite
from app.share.file import html_file
from app.share.view import read
from app.state import ViewState

TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "safetensors": "application/octet-stream",
}


async def make(client: Client, format: str, query: str) -> bytes:
    """The file of a view.

    Raises:
        ApiError: where the view cannot be shown here.
    """
    if format == "html":
        return (await html_file(client, query)).encode()
    view, checkpoint = await read(client, query)
    if format == "safetensors":
        if not view.edits:
            raise ApiError(409, "The model is the unedited one, so there is no weight change. Apply an edit first.")
        return await client.delta(checkpoint.id, view.edits)
    link = links.pinned(view.to_query(), checkpoint)
    return await client.export(checkpoint.id, view.edits, format, link=link, **cite.picture(view))


async def query_of(client: Client, link: str) -> str:
    """The query that a link to the Explore page holds, that a short link leads to, or that `link` is already.

    Raises:
        ApiError: where it is a link to something else.
    """
    if not link.startswith(("http://", "https://", "/")):
        return link
    parts = urlsplit(link)
    path, query = parts.path or "/", f"?{parts.query}"
    if path.startswith("/v/"):
        state = (await client.view(path.removeprefix("/v/"))).state
        path, query = state.path, state.query
    if path != "/":
        raise ApiError(422, f"{path} is not the Explore page: give a link to a view there, or its query.")
    return query


def file_name(query: str) -> str:
    """`shatterscope`, checkpoint and last edit, in characters that every file system takes."""
    view, _ = ViewState.from_query(query)
    last = view.edits[-1] if view.edits else None
    parts = [view.checkpoint, f"{last.subject}-{last.relation}-{last.target}-{last.method}" if last else "unedited"]
    return "-".join(["shatterscope", *filter(None, parts)])


def serve(server: FastAPI, client: Client) -> None:
    """Adds the addresses to `server`."""

    async def export(request: Request) -> Response:
        format = request.path_params["format"]
        if format not in TYPES:
            return PlainTextResponse(f"There are exports as {', '.join(TYPES)}.", 404)
        try:
            content = await make(client, format, request.url.query)
        except ApiError as error:
            return PlainTextResponse(error.message, error.status or 502)
        name = f"{file_name(request.url.query)}.{format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=TYPES[format], headers=headers)

    async def short(request: Request) -> Response:
        id = request.path_params["id"]
        try:
            state = (await client.view(id)).state
        except ApiError:
            return RedirectResponse(f"/gallery?missing={quote(id[:40], safe='')}", 303)
        return RedirectResponse(state.path + state.query, 303)

    server.add_route("/export.{format}", export, methods=["GET"])
    server.add_route("/v/{id}", short, methods=["GET"])
