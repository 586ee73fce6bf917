"""The pages, each a Dash application of its own on the same server: its callbacks and element ids meet no other page's.

So every page may have its `status`, `checkpoint` and `url-in`, loads only its own callbacks, and a page load between them leaves
nothing behind. What goes along is in the links (`frontend_assets/frame/nav.js`). Each has a script of its own, and styles of its own besides
those of all (`frontend_assets/pages`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output
from dash.exceptions import DependencyException, InvalidResourceError
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shatterscope.app.kit import ids
from shatterscope.app.kit.assets import ASSETS, Static, address
from shatterscope.app.kit.client import Client
from shatterscope.app.kit.frame import frame
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.serving import asked, lost, pure
from shatterscope.app.kit.share import callbacks as sharing

SUITES = "_dash-component-suites"

PLOTLY = "vendor/plotly-gl3d.min.js"
FONT = "fonts/inter-latin-wght-normal.woff2"
PACKED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")  # weights hold nothing to compress
UNUSED = "dash_table/"  # a table that no page has

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<meta name="description" content="Change one fact inside a small transformer and watch its geometry shatter.">
<meta name="color-scheme" content="light dark">
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""

# The header as every page has it, until the page itself is there.
ENTRY = """<div id="react-entry-point"><div class="page starting" aria-busy="true">
<header class="bar"><a href="/" class="brand"><span class="brand-ring"></span>Shatterscope</a></header>
<main><p role="status">Loading the page …</p><noscript><p>This page draws in the browser: allow it JavaScript.</p></noscript>
<p class="stuck">If nothing follows, its scripts were not reached. Shatterscope has to be at the root of its host, not below a path.</p></main>
</div></div>"""


class _PageApp(Dash):
    """Dash, with its scripts from the addresses of the first page, so that a browser keeps one copy for all pages, and ours as one."""

    head = ""
    script = ""

    def interpolate_index(self, **parts: Any) -> str:  # type: ignore[override]
        tags = re.findall(r"<script\b[^>]*></script>", parts["scripts"])
        theirs = [tag for tag in tags if SUITES in tag and UNUSED not in tag]
        own = f"{self.config.requests_pathname_prefix}{SUITES}"
        # Between React, which ours use, and the renderer, which uses ours.
        last = 1 + max(number for number, tag in enumerate(theirs) if "/deps/" in tag)
        scripts = [*theirs[:last], self.script, *theirs[last:]]
        parts |= {"css": self.head, "app_entry": ENTRY, "scripts": "\n".join(scripts).replace(own, f"/{SUITES}")}
        html: str = super().interpolate_index(**parts)  # type: ignore[no-untyped-call]
        return html

    def _initialize_context(self, body: Any) -> Any:
        """Before anything is done with what a page sent. Raises `HTTPException`."""
        asked.check(body, self.callback_map)
        return super()._initialize_context(body)


def script_of(page: Page) -> str:
    """Its script below `frontend_assets`: its own, or what every page has."""
    own = f"pages/{page.file}.js"
    return own if (ASSETS / own).is_file() else "pages/common.js"


def _head(page: Page) -> str:
    """What a page loads before anything else; plotly only where a figure will ask for it."""
    early = [(PLOTLY, 'as="script"')] if page.draws else []
    early.append((FONT, 'as="font" type="font/woff2" crossorigin'))
    links = [f'<link rel="icon" href="{address("favicon.svg")}" type="image/svg+xml">']
    links += [f'<link rel="preload" href="{address(name)}" {what}>' for name, what in early]
    sheets = [name for name in (f"pages/{page.file}.css", "pages/common.css") if (ASSETS / name).is_file()]
    return "\n".join([*links, *(f'<link rel="stylesheet" href="{address(name)}">' for name in sheets)])


def _raise(error: Exception) -> None:
    """Dash says nothing of what goes wrong in a callback."""
    raise asked.unreadable(error) from error


def _only_what_is_there(app: Dash) -> None:
    """An unknown path is not the page of `/`, and a script that Dash does not have is not an error of the server."""
    backend: Any = app.backend
    backend._setup_catchall = lambda: None
    serve_suite = backend.serve_component_suites

    def suite(*args: Any) -> Any:
        try:
            return serve_suite(*args)
        except (DependencyException, InvalidResourceError, LookupError, OSError, TypeError, ValueError):
            raise HTTPException(404) from None

    backend.serve_component_suites = suite


def serve(pages: Sequence[Page], server: FastAPI, client: Client) -> Dash:
    """Adds the pages' routes to `server` and returns the application of `/`."""
    for page in pages:
        page.add_routes(server, client)
    apps = [_serve(page, pages, server, client) for page in sorted(pages, key=lambda page: page.path, reverse=True)]
    root = apps[-1]
    for app in apps:
        app.registered_paths = root.registered_paths
    server.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4, exclude_content_types=PACKED)
    server.add_middleware(Static)
    lost.install(server, pages)
    # Dash's one line of script within a page, which the content policy of the server has to know.
    server.state.inline_scripts = sorted({digest for app in apps for digest in app.csp_hashes()})
    return root


def _serve(page: Page, pages: Sequence[Page], server: FastAPI, client: Client) -> Dash:
    app = _PageApp(
        __name__,
        server=server,  # type: ignore[arg-type]  # FastAPI is accepted since Dash 4.2
        routes_pathname_prefix=page.prefix,
        requests_pathname_prefix=page.prefix,
        assets_folder=str(ASSETS),
        assets_external_path="/",
        title=page.title,
        update_title="",
        index_string=INDEX,
        serve_locally=True,
        on_error=_raise,
    )
    app.head, app.script = _head(page), f'<script src="{address(script_of(page))}"></script>'
    if page.shared:
        path = f"{page.prefix}_dash-update-component"
        server.state.share_answers(path=path, wanted=pure.asks_for(page.shared), sound=pure.went_well)
    # Callbacks go over HTTP: else every page asks for a WebSocket upgrade that no route answers.
    app.backend.websocket_capability = False
    _only_what_is_there(app)
    app.layout = frame(page, pages)
    for name, output, source, prop in (
        ("readUrl", (ids.URL_IN, "data"), ids.URL_IN, "id"),
        ("writeUrl", (ids.LINK_COPY, "data-query"), ids.URL_OUT, "data"),
    ):
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction("shatterscope", name), Output(*output), Input(source, prop)
        )
    sharing.register(app, client, page.exporter)
    page.register(app, client)

    if page.path != page.prefix:

        async def index(_: Request) -> HTMLResponse:
            return HTMLResponse(app.index())  # type: ignore[no-untyped-call]

        server.add_route(page.path, index, methods=["GET"])
    return app
