"""Addresses of the dashboard that are no pages: files of a view, and short links.

GET /export.html?<query of a view>            also .json, .csv, .safetensors (edited weights), .delta.safetensors (their change)
GET /compare/export.html?<…>                  also .json, .csv, .zip (edited weights of each variant), .delta.zip
GET /reproduce/export.html?<…>                also .json, .csv
GET /v/<id>                                   the view behind a short link
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import Exporter, media_type

Exporters = Mapping[str, Exporter]  # by the path of their page


async def find(client: Client, link: str, exporters: Exporters) -> tuple[Exporter, str]:
    """Page and query of a link (also a short one), of a path with a query, or of a query alone: then of the page at `/`.

    Raises:
        ApiError: where it leads to a page that has no exports.
    """
    if not link.startswith(("http://", "https://", "/")):
        return exporters["/"], link
    parts = urlsplit(link)
    path, query = parts.path or "/", f"?{parts.query}"
    if path.startswith("/v/"):
        state = (await client.view(path.removeprefix("/v/"))).state
        path, query = state.path, state.query
    found = exporters.get(path if path == "/" else path.rstrip("/"))
    if found is None:
        raise ApiError(422, f"{path} has no exports: give a link to a view of {', '.join(exporters)}, or a query of /.")
    return found, query


def serve(exporters: Exporters, server: FastAPI, client: Client, public_url: str | None = None) -> None:
    """Adds the addresses to `server`. Files say where their view is: at `public_url`, else where they were asked for."""
    for exporter in exporters.values():
        server.add_route(f"{exporter.address}{{format}}", _export(exporter, client, public_url), methods=["GET"])

    async def short(request: Request) -> Response:
        id = request.path_params["id"]
        try:
            state = (await client.view(id)).state
        except ApiError:
            return RedirectResponse(f"/gallery?missing={quote(id[:40], safe='')}", 303)
        return RedirectResponse(state.path + state.query, 303)

    server.add_route("/v/{id}", short, methods=["GET"])


def _export(exporter: Exporter, client: Client, public_url: str | None) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        format = request.path_params["format"]
        origin = public_url or f"{request.url.scheme}://{request.url.netloc}"
        try:
            content = await exporter.make(client.reached_at(origin), format, request.url.query)
        except ApiError as error:
            return error.answer()
        name = f"{exporter.stem(request.url.query)}.{format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=media_type(format), headers=headers)

    return export
