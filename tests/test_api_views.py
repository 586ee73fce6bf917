"""Stored views: short links, the gallery, who may delete, and QR codes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
import segno
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from starlette.testclient import TestClient

from shatterscope.backend.api import views
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.limiter import Limiter
from shatterscope.backend.api.routes.views import MAX_QR
from shatterscope.backend.store import StoredView, Views
from shatterscope.backend.store.tables import ViewRow
from shatterscope.wire.share import MAX_QUERY, PAGES

VIEW = {"state": {"path": "/", "query": "?e=7~I_C2~d40~rome~0~tuned~1"}, "checkpoint": "rings-small"}
queries = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(lambda text: f"?{text}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(path=st.sampled_from(PAGES), query=queries, title=st.none() | st.text(max_size=20), note=st.text(max_size=30))
def test_a_view_comes_back_as_it_was_stored_or_is_refused(
    client: TestClient, path: str, query: str, title: str | None, note: str
) -> None:
    body = {"state": {"path": path, "query": query}, "title": title, "note": note}
    made = client.post("views", json=body)
    plain = all(mark.isprintable() or mark == "\n" for mark in (title or "") + note)
    assert made.status_code in ((200, 201) if plain else (422,))
    if plain:
        found = client.get(f"views/{made.json()['id']}").json()
        assert found["state"] == body["state"]
        assert found["title"] == ((title or "").strip() or None)
        assert found["note"] == note.strip()
        assert "token" not in found


def test_the_same_link_is_kept_once_and_is_in_no_gallery(client: TestClient) -> None:
    first, again = client.post("views", json=VIEW), client.post("views", json=VIEW)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["token"] is None
    assert client.get("views").json() == []


def test_the_gallery_is_newest_first_and_only_the_token_deletes(client: TestClient) -> None:
    one, two = (client.post("views", json={**VIEW, "title": title}).json() for title in ("one", "two"))
    assert {view["title"] for view in client.get("views").json()} == {"one", "two"}
    assert len(client.get("views", params={"limit": 1}).json()) == 1
    path = f"views/{one['id']}"
    assert client.delete(path).status_code == 401
    for token in ("guess", two["token"]):
        assert client.delete(path, headers={"Authorization": f"Bearer {token}"}).status_code == 403
    mine = {"Authorization": f"Bearer {one['token']}"}
    assert client.delete(path, headers=mine).status_code == 204
    assert client.get(path).status_code == client.delete(path, headers=mine).status_code == 404
    assert [view["title"] for view in client.get("views").json()] == ["two"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"state": {"path": "//evil.example", "query": ""}}, "body.state.path"),
        ({"state": {"path": "/", "query": "e=1"}}, "body.state.query"),
        ({"state": {"path": "/", "query": "?a b"}}, "body.state.query"),
        ({"state": {"path": "/", "query": "?" + "x" * MAX_QUERY}}, "body.state.query"),
        ({"title": "x" * 101}, "body.title"),
        ({"title": "a\u0000b"}, "body.title"),
        ({"note": "x" * 1001}, "body.note"),
        ({"sha256": "not a hash"}, "body.sha256"),
        ({"owner": "me"}, "body.owner"),
    ],
)
def test_what_is_stored_is_bounded(client: TestClient, change: dict[str, object], field: str) -> None:
    answer = client.post("views", json={**VIEW, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_saving_never_stops(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the places are taken, the view that nobody has opened for the longest time goes, those in the gallery last."""
    monkeypatch.setattr(views, "MAX_VIEWS", 3)
    titled = client.post("views", json={**VIEW, "title": "one"}).json()["id"]
    links = []
    for number in range(6):
        made = client.post("views", json={**VIEW, "state": {"path": "/", "query": f"?t=d{number + 1}"}})
        assert made.status_code == 201
        links.append(made.json()["id"])
    there = [client.get(f"views/{id}").status_code for id in (titled, *links)]
    assert there == [200, 404, 404, 404, 404, 200, 200]
    for number in range(4):
        assert client.post("views", json={**VIEW, "title": f"more {number}"}).status_code == 201
    assert [view["title"] for view in client.get("views").json()] == ["more 3", "more 2", "more 1"]


def test_a_view_that_is_opened_stays(laboratory: Laboratory) -> None:
    store = Views(laboratory.store)
    for name in "abc":
        store.put(StoredView(name, "/", "", None, "", None, None, None, datetime.now(UTC)))
    with laboratory.store.session() as session:
        session.execute(update(ViewRow).values(used=1.0))
        session.commit()
    store.touch("a")
    store.make_room(1)
    assert [store.get(name) is not None for name in "abc"] == [True, False, False]


def test_one_address_stores_so_many_at_once(client: TestClient, app: FastAPI) -> None:
    for place in (app, *(route.app for route in app.routes if getattr(route, "path", "") == "/api/v1")):
        place.state.view_limit = Limiter(rate=1, burst=2)  # type: ignore[union-attr]
    answers = [client.post("views", json={**VIEW, "title": title}) for title in "abc"]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert answers[-1].headers["retry-after"] == "1"


@pytest.mark.parametrize("text", ["http://lab.example/v/abcdefgh", "é" * 20, "x" * MAX_QR])
def test_a_qr_code_draws_the_matrix_of_its_text(client: TestClient, text: str) -> None:
    answer = client.get("qr", params={"text": text})
    assert answer.headers["content-type"] == "image/svg+xml"
    matrix = [bytearray(row) for row in segno.make(text, error="m", micro=False).matrix]
    assert modules(answer.text, len(matrix)) == matrix


def modules(svg: str, size: int, border: int = 4) -> list[bytearray]:
    """The dark modules that an SVG of horizontal strokes draws."""
    root = ET.fromstring(svg)
    whole = size + 2 * border
    assert root.attrib["viewBox"] == f"0 0 {whole} {whole}"
    drawn = [bytearray(size) for _ in range(size)]
    strokes = next(path.attrib["d"] for path in root.iter() if "stroke" in path.attrib)
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", strokes):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            for column in range(int(values[0])):
                drawn[int(y) - border][int(x) + column - border] = 1
            x += values[0]
    return drawn


def test_a_text_too_long_for_a_phone_is_refused(client: TestClient) -> None:
    assert client.get("qr", params={"text": "x" * (MAX_QR + 1)}).status_code == 422
    assert client.get("qr", params={"text": ""}).status_code == 422
