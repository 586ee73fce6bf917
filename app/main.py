"""`create_app`: the dashboard, attached to the API's own server at `/`.

from shatterscope.app.main import create_app
create_app(api)                                   # talks to the API in process
create_app(api, base_url="http://gpu-box:8050")   # the page here, the API elsewhere
"""

from __future__ import annotations

from dash import Dash
from fastapi import FastAPI

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.serving import pages as serving
from shatterscope.app.kit.share import routes
from shatterscope.app.pages import compare, explore, gallery, in_context, league, lecture, reproduce

SAVED = (explore.PAGE, compare.PAGE, reproduce.PAGE)
PAGES = (
    *SAVED,
    league.PAGE,
    in_context.PAGE,
    lecture.PAGE,
    gallery.page_of(SAVED),
)  # in the order of the header's links
EXPORTERS = {page.path: page.exporter for page in PAGES if page.exporter is not None}
PANELS = tuple(explore.panels.PANELS)  # that a step of a lesson may show


def create_app(server: FastAPI, *, base_url: str | None = None, public_url: str | None = None) -> Dash:
    """Adds the pages' routes to `server`; `base_url` points them at an API elsewhere instead of `server`'s own, `public_url` is where people
    reach the pages, if that is not what their requests say."""
    client = Client(base_url=base_url) if base_url else Client(server=server)
    routes.serve(EXPORTERS, server, client, public_url)
    return serving.serve(PAGES, server, client)
