"""Where there is nothing: a page that says so and leads home, for who reads pages; a problem document for who does not."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from shatterscope.app.kit.assets import address
from shatterscope.app.kit.page import Page

HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Not found · Shatterscope</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{icon}" type="image/svg+xml">
<link rel="stylesheet" href="{style}">
</head>
<body>
<div class="page lost">
<header class="bar"><a href="/" class="brand"><span class="brand-ring"></span>Shatterscope</a></header>
<main>
<h1>There is no page here</h1>
<p>Nothing is at <code>{path}</code>. The address may be mistyped, or what was here is gone.</p>
<p>{pages}</p>
</main>
</div>
</body>
</html>
"""
LONGEST = 80  # characters of the address that are shown


def install(server: FastAPI, pages: Sequence[Page]) -> None:
    """`pages` are what it leads to. Goes before the server's own answer to a 404."""
    links = " · ".join(f'<a href="{page.path}">{page.name}</a>' for page in pages)
    otherwise = server.exception_handlers[HTTPException]

    @server.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        reads = "text/html" in request.headers.get("accept", "")
        if error.status_code == 404 and reads and not request.url.path.startswith("/api"):
            return HTMLResponse(_lost(request.url.path, links), 404)
        answer = otherwise(request, error)
        response: Response = answer if isinstance(answer, Response) else await answer
        return response


def _lost(path: str, pages: str) -> str:
    shown = path if len(path) <= LONGEST else f"{path[:LONGEST]}..."
    return HTML.format(icon=address("favicon.svg"), style=address("pages/common.css"), path=escape(shown), pages=pages)
