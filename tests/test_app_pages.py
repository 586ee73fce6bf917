"""A page says what it is, and what every page has follows from that: the kit knows no page by name."""

from __future__ import annotations

import json

import pytest
from dash import html
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.exporter import Cited, Exporter, File
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.serving import pages as serving
from shatterscope.app.kit.share import routes


async def text(client: Client, query: str) -> bytes:
    return f"of {query}".encode()


async def cited(client: Client, query: str) -> Cited:
    return Cited("again", "{}")


OWN = Exporter(
    "/own", {"csv": File(text, "CSV", "own-csv", "A table")}, lambda query: "own", cited, again="draw it again"
)
FIRST = Page("/", "First", lambda: [html.P("hello")], lambda app, client: None, ("Skip", "#main"), carries=("c", "q"))
SECOND = Page(
    "/own", "Own", lambda: [html.P("mine")], lambda app, client: None, ("Skip", "#main"), exporter=OWN, stores=("mine",)
)
HIDDEN = Page("/hidden", "Hidden", list, lambda app, client: None, ("Skip", "#main"), listed=False)


@pytest.fixture(scope="module")
def site() -> TestClient:
    server, client = FastAPI(), Client(base_url="http://127.0.0.1:1")
    routes.serve({OWN.path: OWN}, server, client)
    serving.serve((FIRST, SECOND, HIDDEN), server, client)
    return TestClient(server)


def markup(site: TestClient, page: Page) -> str:
    return json.dumps(site.get(f"{page.prefix}_dash-layout").json(), separators=(",", ":"))


def test_the_header_links_to_the_pages_that_are_listed(site: TestClient) -> None:
    for page in (FIRST, SECOND, HIDDEN):
        shown = markup(site, page)
        assert '"href":"/own"' in shown
        assert '"href":"/hidden"' not in shown
        assert ('"aria-current":"page"' in shown) == page.listed
        assert '"data-carries":"c q"' in shown


def test_a_page_has_its_own_title_stores_and_content(site: TestClient) -> None:
    assert "<title>Shatterscope</title>" in site.get("/").text
    assert "<title>Own · Shatterscope</title>" in site.get("/own").text
    assert '"id":"mine"' in markup(site, SECOND)
    assert "mine" not in markup(site, FIRST)


def test_what_a_page_can_be_taken_away_as_is_offered_in_share_and_served(site: TestClient) -> None:
    assert "own-csv" in markup(site, SECOND)
    assert "draw it again" in markup(site, SECOND)
    assert "Save in the gallery" in markup(site, SECOND)
    assert "Save in the gallery" not in markup(site, FIRST), "a page without an exporter has nothing to save"
    answer = site.get("/own/export.csv?c=one")
    assert (answer.text, answer.headers["content-disposition"]) == ("of c=one", 'attachment; filename="own.csv"')
    refused = site.get("/own/export.html?c=one")
    assert (refused.status_code, "csv" in refused.text) == (404, True)


def test_where_there_is_nothing_all_pages_are_named(site: TestClient) -> None:
    lost = site.get("/nowhere", headers={"accept": "text/html"})
    assert lost.status_code == 404
    for page in (FIRST, SECOND, HIDDEN):
        assert f'<a href="{page.path}">{page.name}</a>' in lost.text
