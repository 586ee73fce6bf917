"""`create_app`: the dashboard, attached to the API's own server at `/`.

from shatterscope.app.main import create_app
create_app(api)                                   # talks to the API in process
create_app(api, base_url="http://gpu-box:8050")   # the page here, the API elsewhere
"""

from __future__ import annotations

from dash import Dash
from fastapi import FastAPI

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.serving.pages import Page, serve
from shatterscope.app.kit.share import routes
from shatterscope.app.pages import compare, reproduce
from shatterscope.app.pages.explore import callbacks, layout, lecture, strengths
from shatterscope.app.pages.gallery import layout as gallery

PAGES = (
    Page("/", "Shatterscope", layout.page, callbacks.register, callbacks.SHARED, routes.EXPORTERS["/"]),
    Page("/compare", "Compare · Shatterscope", compare.layout, compare.register, exporter=routes.EXPORTERS["/compare"]),
    Page("/lecture", "Lecture · Shatterscope", lecture.shelf, lecture.register_shelf, draws=False),
    Page(
        "/reproduce",
        "Reproduce · Shatterscope",
        reproduce.layout,
        reproduce.register,
        exporter=routes.EXPORTERS["/reproduce"],
    ),
    Page("/gallery", "Gallery · Shatterscope", gallery.layout, gallery.register, draws=False),
)


def create_app(server: FastAPI, *, base_url: str | None = None, public_url: str | None = None) -> Dash:
    """Adds the pages' routes to `server`; `base_url` points them at an API elsewhere instead of `server`'s own, `public_url` is where people
    reach the pages, if that is not what their requests say."""
    client = Client(base_url=base_url) if base_url else Client(server=server)
    lecture.add_preparation(server, client)
    strengths.add_pictures(server, client)
    routes.serve(server, client, public_url)
    return serve(PAGES, server, client)
