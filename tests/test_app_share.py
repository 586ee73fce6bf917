"""A view as a file: `shatterscope export`, and the dashboard's addresses. (Opened in a browser: test_page_file.py.)"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from dash import html
from fastapi import FastAPI
from safetensors.torch import load
from starlette.testclient import TestClient
from test_cli import Run, run

from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.main import create_app

__all__ = ["run"]

QUERY = "?c=rings-small&q=7~I_C2&e=7~I_C2~d40~rome~0~tuned~1&cam=1.1~-0.9~0.8~0~0~0~0~0~1"


@pytest.fixture
def site(app: FastAPI) -> TestClient:
    create_app(app)
    return TestClient(app, follow_redirects=False)


def test_markup_is_escaped_and_complete() -> None:
    node = html.P(
        ["<b>", html.Br(), 3, None, html.Span("x", style={"--a": "1%", "marginTop": "2px"}, hidden=True)],
        id='"',
        className="c",
        tabIndex="0",
    )
    assert to_html(node) == (
        '<p id="&quot;" class="c" tabindex="0">&lt;b&gt;<br>3<span hidden style="--a:1%;margin-top:2px">x</span></p>'
    )


def test_the_terminal_writes_every_kind_and_says_what_is_missing(run: Run, tmp_path: Path) -> None:
    for kind in ("json", "csv", "safetensors", "delta.safetensors"):
        assert run("export", f"http://elsewhere.example/{QUERY}", tmp_path / f"view.{kind}")[0] == 0
    export = json.loads((tmp_path / "view.json").read_text())
    told = export["provenance"]
    assert re.fullmatch(r"http://127\.0\.0\.1:8050/\?c=rings-small&.*&h=[0-9a-f]{12}~256~3~4&ver=1", told["link"])
    lines = [line for line in (tmp_path / "view.csv").read_text().splitlines() if not line.startswith("#")]
    assert sum(row["record"] == "entity" for row in csv.DictReader(lines)) == len(export["coordinates"]["place"])
    weights, change = (load((tmp_path / f"view.{kind}").read_bytes()) for kind in ("safetensors", "delta.safetensors"))
    assert change.keys() < weights.keys()
    for link, words in (
        ("?c=gone&e=7~I_C2~d40~rome~0~tuned~1", "Checkpoint gone is not here"),
        ("http://x/gallery?c=rings-small", "/gallery has no exports"),
        ("/compare?c=rings-small&by=", "No method is chosen"),
        ("/compare?c=gone&q=7~I_C2&h=0123456789ab~256~3~4", "Nearest: /compare?c=rings-small&q=7~I_C2"),
        ("/compare?by=magic:tuned", "magic:tuned is not known here"),
        ("/reproduce?c=gone&h=0123456789ab~256~3~4", "Nearest: /reproduce?c=rings-small"),
        ("/reproduce?c=rings-small&run=nothing", "nothing) is not known here"),
        ("http://x/v/nothing", "there is no view"),
        ("e=nonsense", "cannot be read"),
    ):
        status, _, err = run("export", link, tmp_path / "not.html")
        assert status == 1
        assert words in err
        assert err.count("\n") == 1
    assert not (tmp_path / "not.html").exists()
    assert run("export", QUERY, tmp_path / "view.pdf")[0] == 1
    assert "Of / there are exports as html" in run("export", QUERY, tmp_path / "view.zip")[2]


def test_the_dashboards_addresses_give_the_same_files(site: TestClient) -> None:
    for kind in ("html", "json", "csv", "safetensors", "delta.safetensors"):
        answer = site.get(f"/export.{kind}{QUERY}")
        assert answer.status_code == 200
        name = f"shatterscope-rings-small-7-I_C2-d40-rome.{kind}"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert site.get("/export.pdf").status_code == 404
    assert site.get("/export.safetensors?c=rings-small").status_code == 409
    assert "gone is not here" in site.get("/export.json?c=gone").text


def test_a_file_is_coloured_as_its_view_is(site: TestClient) -> None:
    """By how far the next edit will move each entity; once it is made, as the page, by place."""
    coloured = site.get("/export.html?c=rings-small&colors=damage&q=7~I_C2&t=d40").text
    assert "whom the edit will move" in coloured
    assert "dark little, light much" in coloured
    assert '"cmin":-2' in coloured.replace(" ", "")
    asked = "?c=rings-small&q=7~I_C2&t=d40"
    for query in (asked, f"{asked}&e=7~I_C2~d40~rome~0~tuned~1&colors=damage"):
        assert "whom the edit will move" not in site.get(f"/export.html{query}").text


def test_a_short_link_leads_to_its_view_or_to_the_gallery(site: TestClient) -> None:
    made = site.post("/api/v1/views", json={"state": {"path": "/compare", "query": "?q=1~I_C1"}}).json()
    answer = site.get(f"/v/{made['id']}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/compare?q=1~I_C1")
    assert site.get("/v/nothing").headers["location"] == "/gallery?missing=nothing"
