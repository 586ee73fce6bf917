"""The door: every route has the same limits, and what nobody waits for is dropped, all the way down to the queue."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import listening
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from shatterscope.app.main import create_app
from shatterscope.backend.api import bodies, door
from shatterscope.backend.api import create_app as api_app
from shatterscope.backend.api.caller import caller_of
from shatterscope.backend.api.door import Door
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.settings import Settings, load_settings

UPDATE = "/_dash-update-component"
MISTAKES = {
    "output": "errors.children",
    "outputs": {"id": "errors", "property": "children"},
    "inputs": [
        {"id": "errors-fold", "property": "n_clicks", "value": 1},
        {"id": "checkpoint", "property": "value", "value": "rings-small"},
    ],
    "changedPropIds": ["errors-fold.n_clicks"],
}


class Waiter:
    """An application that reads its body and then waits for ever, unless it is let go."""

    def __init__(self) -> None:
        self.body = b""
        self.cancelled = False
        self.go = asyncio.Event()
        self.waits = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            self.body += message["body"]
            more = message["more_body"]
        self.waits.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[TestClient]:
    """API and pages."""
    server = api_app(load_settings(models_dir=models_dir, state_dir=tmp_path_factory.mktemp("state"), device="cpu"))
    create_app(server)
    with TestClient(server, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


Parts = Sequence[bytes | None]
SCOPE: dict[str, Any] = {"type": "http", "method": "POST", "path": UPDATE, "headers": [], "client": ("10.0.0.9", 1)}


async def visit(
    waiter: Any,
    parts: Parts = (b"a", b"b"),
    *,
    settings: Settings,
    leaves: bool = False,
    headers: Mapping[str, str] = {},
    **scope: Any,
) -> list[Message]:
    """What is sent to who sends the body in `parts`; at a None it sends no more, and waits."""
    sent: list[Message] = []
    todo = [{"type": "http.request", "body": part, "more_body": i + 1 < len(parts)} for i, part in enumerate(parts)]

    async def receive() -> Message:
        if todo and todo[0]["body"] is not None:
            return todo.pop(0)
        if todo or not leaves:
            await asyncio.Event().wait()
        await waiter.waits.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await Door(waiter, settings)({**SCOPE, "headers": raw, **scope}, receive, send)
    return sent


async def test_a_request_whose_client_has_left_is_cancelled(settings: Settings) -> None:
    waiter = Waiter()
    assert await visit(waiter, leaves=True, settings=settings) == []
    assert waiter.cancelled
    assert waiter.body == b"ab"


async def test_who_stays_is_answered(settings: Settings) -> None:
    waiter = Waiter()
    waiter.go.set()
    sent = await visit(waiter, settings=settings)
    assert sent[-1]["body"] == b"done"
    assert not waiter.cancelled


async def test_an_answer_that_does_not_begin_is_given_up(settings: Settings) -> None:
    waiter = Waiter()
    sent = await visit(waiter, settings=settings.model_copy(update={"request_seconds": 0.01}))
    assert sent[0]["status"] == 503
    assert b"retry-after" in dict(sent[0]["headers"])
    assert waiter.cancelled


async def test_a_body_that_does_not_come_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.01)
    sent = await visit(Waiter(), [b"{", None], settings=settings)
    assert sent[0]["status"] == 408
    assert dict(sent[0]["headers"])[b"connection"] == b"close"


@pytest.mark.parametrize("length", ["2000000", "99999999999999999999", "-1", "x"])
async def test_a_large_body_is_refused_before_it_is_read(settings: Settings, length: str) -> None:
    sent = await visit(Waiter(), [None], settings=settings, headers={"Content-Length": length})
    assert sent[0]["status"] == 413


async def test_a_large_body_of_no_said_length_is_refused_while_it_comes(settings: Settings) -> None:
    sent = await visit(Waiter(), [b" " * 2**19, b" " * 2**19, b" ", None], settings=settings)
    assert sent[0]["status"] == 413


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'{"a":' * 41 + b"1" + b"}" * 41,
        b"[" + b",".join(b"1" for _ in range(30_000)) + b"]",
        b"{" + b",".join(b'"%d":1' % i for i in range(30_000)) + b"}",
        b'{"a":NaN}',
        b'{"a":[-Infinity]}',
        b'{"a":1e999}',
        b'{"a":1' + b"0" * 5000 + b"}",
        b'{"a":1.' + b"0" * 5000 + b"}",
        rb'{"a":"\ud800"}',
        rb'{"\udfff":1}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        b"\xff",
    ],
)
async def test_a_hostile_body_is_refused(settings: Settings, body: bytes) -> None:
    sent = await visit(Waiter(), [body], settings=settings)
    assert sent[0]["status"] == 422
    assert len(sent[-1]["body"]) < 1000


@pytest.mark.parametrize("body", [b"", b"{", b'"[[["', rb'{"a":"\ud83d\ude00 \\ud800 NaN [ \" ["}', b"[[1.5e3, -2]]"])
def test_an_ordinary_body_is_not(body: bytes) -> None:
    bodies.check(body)


# --- who asks --------------------------------------------------------------------------------------------------------


async def ask(settings: Settings, method: str = "POST", **headers: str) -> int:
    """The status; underscores in names are dashes."""
    waiter = Waiter()
    waiter.go.set()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status: int = (await visit(waiter, settings=settings, headers=named, method=method))[0]["status"]
    return status


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost:8050",
        "127.0.0.1:8050",
        "[::1]:8050",
        "192.168.1.20",
        "gpu-box:8050",
        "lab.example.org",
        "a.b.test:1",
    ],
)
async def test_this_server_answers_to_its_names(settings: Settings, host: str) -> None:
    known = settings.model_copy(update={"public_url": "https://lab.example.org/x", "allowed_hosts": "y.org, *.b.test"})
    assert await ask(known, Host=host, Origin=f"http://{host}" if host else "https://lab.example.org") == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "127.0.0.1.evil.example", "b.test", "localhost."]
)
async def test_this_server_answers_to_no_other_name(settings: Settings, host: str) -> None:
    status = await ask(settings.model_copy(update={"allowed_hosts": "*.b.test"}), "GET", Host=host)
    assert status == (200 if host == "localhost." else 421)


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://10.0.0.1:8050"},
        {"Origin": "file://"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
    ],
)
async def test_a_foreign_page_may_ask_for_nothing(settings: Settings, method: str, headers: dict[str, str]) -> None:
    assert await ask(settings, method, Host="127.0.0.1:8050", **headers) == 403


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Origin": "http://192.168.1.20:8050", "Host": "192.168.1.20:8050"}),
        ("POST", {"Origin": "https://10.1.1.1", "Host": "10.1.1.1:443"}),
        ("POST", {"Sec_Fetch_Site": "same-origin"}),
        ("GET", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}),
        ("GET", {"Sec_Fetch_Site": "none"}),
        ("DELETE", {}),
    ],
)
async def test_own_pages_links_and_programs_may(settings: Settings, method: str, headers: dict[str, str]) -> None:
    assert await ask(settings, method, **headers) == 200


async def test_every_answer_tells_a_browser_what_it_may_do(settings: Settings) -> None:
    waiter = Waiter()
    waiter.go.set()
    embedded = settings.model_copy(update={"frame_ancestors": "https://a.org", "image_hosts": "https://b.org"})
    for each, frames in ((settings, "'self'"), (embedded, "https://a.org")):
        headers = dict((await visit(waiter, settings=each))[0]["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert f"frame-ancestors {frames}" in policy
        assert "script-src 'self';" in policy
        assert "default-src 'self'" in policy
        assert ("https://b.org" in policy) == (each is embedded)
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"referrer-policy"] == b"same-origin"


@pytest.mark.parametrize(
    ("address", "header", "local"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("::ffff:127.0.0.1", None, True),
        ("127.0.0.1", b"x-forwarded-for", False),
        ("127.0.0.1", b"forwarded", False),
        ("192.168.1.4", None, False),
        ("", None, False),
    ],
)
def test_who_sits_at_this_machine(address: str, header: bytes | None, local: bool) -> None:
    scope = {"client": (address, 1), "headers": [(header, b"127.0.0.1")] if header else []}
    assert caller_of(scope).local == local


def test_no_script_of_a_page_is_against_the_policy(pages: TestClient) -> None:
    page = pages.get("/")
    scripts = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


# --- HEAD, unknown paths and methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/api/v1/health", "/api/v1/checkpoints", "/", "/compare", "/gallery/", "/assets/style.css"]
)
def test_head_is_get_without_its_body(pages: TestClient, path: str) -> None:
    got, head = pages.get(path), pages.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_head_of_a_stream_ends(pages: TestClient) -> None:
    room = pages.post("/api/v1/rooms").json()["id"]
    head = pages.head(f"/api/v1/rooms/{room}/events")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/nothere", "/compare/nothere", "/assets/nothere.js", "/_dash-component-suites/x/y.js"]
)
def test_an_unknown_path_is_404(pages: TestClient, path: str) -> None:
    plain = pages.get(path)
    assert (plain.status_code, plain.headers["content-type"]) == (404, "application/problem+json")
    page = pages.get(path, headers={"Accept": "text/html,*/*"})
    assert page.status_code == 404
    assert 'href="/"' in page.text
    assert pages.head(path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/compare", "/gallery", "/assets/style.css", "/api/v1/health", "/export.json"])
def test_another_method_is_405(pages: TestClient, path: str) -> None:
    response = pages.put(path)
    assert response.status_code == 405
    assert {"GET", "HEAD"} <= set(response.headers["allow"].split(", "))


# --- callbacks ---------------------------------------------------------------------------------------------------------


def element(id: str) -> Any:
    """As a page names it: of a pattern one element that matches."""
    if not id.startswith("{"):
        return id
    return {key: 0 if isinstance(part, list) else part for key, part in json.loads(id).items()}


def update(callback: dict[str, Any], named: Callable[[str], Any] = element) -> dict[str, Any]:
    """The request of a callback, its ids written by `named`."""
    output = callback["output"]
    outputs = [part.rpartition(".")[::2] for part in output.strip(".").split("...")]
    places = [{"id": named(id), "property": name.partition("@")[0]} for id, name in outputs]
    values = {
        part: [{"id": named(each["id"]), "property": each["property"], "value": None} for each in callback[part]]
        for part in ("inputs", "state")
    }
    return {"output": output, "outputs": places if output.startswith("..") else places[0], **values}


@pytest.mark.parametrize("page", ["/", "/compare/", "/lecture/", "/reproduce/", "/gallery/"])
def test_a_callback_of_the_browser_is_none_of_the_server(pages: TestClient, page: str) -> None:
    callbacks = pages.get(f"{page}_dash-dependencies").json()
    for callback in callbacks:
        if callback["clientside_function"]:
            answer = pages.post(f"{page}_dash-update-component", json=update(callback))
            assert answer.status_code == 422, callback["output"]
            assert "body.output" in answer.json()["detail"]


WRONG: list[Callable[[str], Any]] = [
    lambda id: id,
    lambda id: json.loads(id) if id.startswith("{") else id,
    lambda id: {"id": "x"} if id.startswith("{") else id,
    lambda id: {**element(id), "more": 1} if id.startswith("{") else id,
    lambda id: {**element(id), "type": "x"} if id.startswith("{") else id,
]


@pytest.mark.parametrize("named", WRONG)
def test_a_pattern_is_filled_in_as_its_page_does(pages: TestClient, named: Callable[[str], Any]) -> None:
    tried = 0
    for page in ("/", "/compare/"):
        for callback in pages.get(f"{page}_dash-dependencies").json():
            if '{"' in callback["output"] and not callback["clientside_function"]:
                right = pages.post(f"{page}_dash-update-component", json=update(callback))
                assert right.status_code < 500
                assert "body." not in right.text
                wrong = pages.post(f"{page}_dash-update-component", json=update(callback, named))
                assert wrong.status_code == 422, callback["output"]
                assert "body." in wrong.json()["detail"]
                tried += 1
    assert tried


# --- the queue -------------------------------------------------------------------------------------------------------


async def test_a_page_that_leaves_takes_its_work_out_of_the_queue(app: FastAPI, laboratory: Laboratory) -> None:
    create_app(app)
    executor, free = laboratory.executor, threading.Event()
    with listening(app) as address:
        busy = [asyncio.create_task(executor.run(free.wait)) for _ in range(executor.workers)]
        try:
            async with httpx.AsyncClient(base_url=address, timeout=None) as client:
                waiting = asyncio.create_task(client.post(UPDATE, json=MISTAKES))
                await until(lambda: executor.pending == executor.workers + 1)
                waiting.cancel()
                await until(lambda: executor.pending == executor.workers)
        finally:
            free.set()
        await asyncio.gather(*busy)


async def until(holds: object) -> None:
    assert callable(holds)
    for _ in range(18_000):  # a loaded machine is slow, not wrong
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came about")
