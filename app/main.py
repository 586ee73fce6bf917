"""`create_app`: the dashboard, attached to the API's own server at `/`.

from app.main import create_app
create_app(api)                                   # talks to the API in process
create_app(api, base_url="http://gpu-box:8050")   # the page here, the API elsewhere
"""

from __future__ import annotations

from pathlib import Path

from dash import ClientsideFunction, Dash, Input, Output
from fastapi import FastAPI

from app import callbacks, ids, layout
from app.client import Client
from app.leaving import Leaving

ASSETS = Path(__file__).resolve().parent.parent / "frontend_assets"

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="Change one fact inside a small transformer and watch its geometry shatter.">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="preload" href="/assets/vendor/plotly-gl3d.min.js" as="script">
<link rel="preload" href="/assets/fonts/inter-latin-wght-normal.woff2" as="font" type="font/woff2" crossorigin>
{%css%}
</head>
<body>
{%app_entry%}
<footer>{%config%}{%scripts%}{%renderer%}</footer>
</body>
</html>"""


def create_app(server: FastAPI, *, base_url: str | None = None) -> Dash:
    """Adds the page's routes to `server`; `base_url` points it at an API elsewhere instead of `server`'s own."""
    client = Client(base_url=base_url) if base_url else Client(server=server)
    app = Dash(
        __name__,
        server=server,  # type: ignore[arg-type]  # FastAPI is accepted since Dash 4.2
        assets_folder=str(ASSETS),
        title="Shatterscope",
        update_title="",
        index_string=INDEX,
        serve_locally=True,
        assets_path_ignore=["vendor"],  # plotly comes when the first graph asks for it (frontend_assets/camera.js)
    )
    server.add_middleware(Leaving, path="/_dash-update-component")
    # Callbacks go over HTTP: else every page knocks for an upgrade that nobody answers.
    app.backend.websocket_capability = False
    app.layout = layout.page()
    for name, output, source, prop in (
        ("readUrl", (ids.URL_IN, "data"), ids.URL_IN, "id"),
        ("writeUrl", ("copy-link", "data-query"), ids.URL_OUT, "data"),
        ("showStrength", ("strength-value", "children"), ids.STRENGTH, "value"),
    ):
        app.clientside_callback(ClientsideFunction("shatterscope", name), Output(*output), Input(source, prop))
    app.clientside_callback(
        ClientsideFunction("shatterscope", "shareDistance"),
        Output(ids.NEAR, "title"),
        *(Input(name, "value") for name in (ids.NEAR, ids.DISTANCE_SLIDER, ids.DISTANCE)),
    )
    callbacks.register(app, client)
    return app
