"""What a page asks of the API: each thing that it shows once, however many callbacks want it, and again only when it may be another."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from dash_page import DashPage
from fastapi import FastAPI
from httpx import Response
from starlette.testclient import TestClient

from shatterscope.app.kit.answers import AskedOnce
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.state import Edit, Target
from shatterscope.app.main import create_app
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.settings import Settings

SMALL = "rings-small"
EDITS = (Edit(7, "I_C2", Target(4), "rome"),)
FACTS = f"GET /checkpoints/{SMALL}/facts"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests of all clients from here on."""
    found: list[str] = []
    answer = Client._answer

    async def recorded(self: Client, method: str, path: str, **request: Any) -> Response:
        found.append(f"{method} {path}")
        return await answer(self, method, path, **request)

    monkeypatch.setattr(Client, "_answer", recorded)
    return found


# --- answers ---------------------------------------------------------------------------------------------------------


class Source:
    """Answers with how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked, self.given_up = 0, 0
        self.may = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        own = self.asked
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return own


async def test_who_asks_the_same_at_the_same_time_gets_one_answer() -> None:
    answers, source = AskedOnce(8), Source()
    waiting = [asyncio.create_task(answers.get("a", source)) for _ in range(5)]
    await asyncio.sleep(0)
    source.may.set()
    assert await asyncio.gather(*waiting, answers.get("b", source)) == [1, 1, 1, 1, 1, 2]
    assert await answers.get("a", source) == 1


async def test_an_answer_is_kept_for_its_time() -> None:
    now = 0.0
    answers, source = AskedOnce(8, 60, lambda: now), Source()
    source.may.set()
    assert await answers.get("a", source) == 1
    now = 59.0
    assert await answers.get("a", source) == 1
    now = 61.0
    assert await answers.get("a", source) == 2


async def test_an_error_reaches_all_who_wait_and_nobody_later() -> None:
    answers, times = AskedOnce(8), 0

    async def fails_once() -> str:
        nonlocal times
        times += 1
        await asyncio.sleep(0)
        if times == 1:
            raise ApiError(500, "not now")
        return "well"

    first = await asyncio.gather(*(answers.get("a", fails_once) for _ in range(3)), return_exceptions=True)
    assert [str(each) for each in first] == ["not now"] * 3
    assert await answers.get("a", fails_once) == "well"
    assert times == 2


async def test_who_leaves_takes_nothing_from_the_others_and_the_last_gives_up() -> None:
    answers, source = AskedOnce(8), Source()
    one, other = (asyncio.create_task(answers.get("a", source)) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    source.may.set()
    assert await other == 1
    source.may.clear()
    alone = asyncio.create_task(answers.get("b", source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    await asyncio.sleep(0)
    assert source.given_up == 1
    source.may.set()
    assert await answers.get("b", source) == 3


async def test_what_is_forgotten_while_it_is_asked_is_not_kept() -> None:
    answers, source = AskedOnce(8), Source()
    old = asyncio.create_task(answers.get("a", source))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answers.forget("a")
    new = asyncio.create_task(answers.get("a", source))
    await asyncio.sleep(0)
    source.may.set()
    assert (await old, await new) == (1, 2)
    assert await answers.get("a", source) == 2


# --- the client ------------------------------------------------------------------------------------------------------


async def test_all_that_concerns_one_edit_asks_for_it_once(app: FastAPI, asked: list[str]) -> None:
    client = Client(server=app)
    question = (SMALL, 7, "I_C2")
    await asyncio.gather(
        client.edit(SMALL, EDITS),
        client.projection(SMALL, EDITS, relation="I_C2"),
        client.evaluation(SMALL, EDITS),
        client.fact(*question),
        client.fact(*question, EDITS),
        client.fact(*question, EDITS),
    )
    assert Counter(asked) == {"POST /edits": 1, "POST /projections": 1, "POST /evaluations": 1, FACTS: 2}


async def test_in_one_process_nothing_is_compressed(app: FastAPI) -> None:
    answer = await Client(server=app)._answer("GET", "/editors")
    assert len(answer.content) > 1024
    assert "content-encoding" not in answer.headers


class Switch:
    """Servers at one address, one after the other."""

    def __init__(self, server: FastAPI) -> None:
        self.server = server

    async def __call__(self, *arguments: Any) -> None:
        await self.server(*arguments)


async def test_a_server_that_does_not_know_the_edit_any_more_is_told_it_again(
    app: FastAPI, settings: Settings, asked: list[str]
) -> None:
    address: Any = Switch(app)
    client = Client(server=address)
    assert (await client.edit(SMALL, EDITS)).id
    address.server = create_api(settings.model_copy(update={"state_dir": settings.state_dir / "other"}))
    assert (await client.evaluation(SMALL, EDITS)).shattering.edit > 0
    assert asked == ["POST /edits", "POST /evaluations", "POST /edits", "POST /evaluations"]
    address.server.state.laboratory.close()


async def test_when_the_checkpoints_are_others_nothing_old_is_told(app: FastAPI, asked: list[str]) -> None:
    client = Client(server=app).reached_at("http://here")
    (known,) = await client.checkpoints()
    await client.world(SMALL)
    await client.editors()
    await client.checkpoints()
    await client.checkpoints(anew=True)
    await client.world(SMALL)
    assert Counter(asked) == {"GET /checkpoints": 2, f"GET /checkpoints/{SMALL}/world": 1, "GET /editors": 1}
    client._known[:] = [known.model_copy(update={"sha256": "0" * 64})]  # what another server had
    await client.checkpoints(anew=True)
    await client.world(SMALL)
    assert asked[-2:] == ["GET /checkpoints", f"GET /checkpoints/{SMALL}/world"]


# --- a page ----------------------------------------------------------------------------------------------------------


class Recorded(DashPage):
    """Keeps what it asks of the server."""

    def __init__(self, pages: TestClient, prefix: str) -> None:
        self.bodies: list[dict[str, Any]] = []
        super().__init__(pages, prefix)

    def call(self, body: dict[str, Any]) -> Response:
        self.bodies.append(body)
        return super().call(body)

    def click(self, kind: str, number: int) -> list[dict[str, Any]]:
        """What the page asks of the server when a button is pressed."""
        self.bodies.clear()
        values = {id: value for (id, name), value in self.values.items() if name == "value"}
        click = {"id": number, "kind": kind, "what": None, "value": values, "form": []}
        self.set("clicks", "data", {"queue": [click]})
        return list(self.bodies)


@pytest.fixture
def page(app: FastAPI) -> Iterator[Recorded]:
    create_app(app)
    with TestClient(app) as pages:
        page = Recorded(pages, "/")
        page.set("url-in", "data", {"query": "", "at": 1})
        yield page


def test_a_click_asks_for_each_thing_that_it_changes_once(page: Recorded, asked: list[str]) -> None:
    asked.clear()
    page.click("apply", 1)
    assert page.values["part-model", "data"]["edits"] != []
    assert sorted(asked) == [FACTS, "POST /edits", "POST /evaluations", "POST /projections", "POST /verdicts"]
    for number, kind in enumerate(("undo", "redo"), start=2):  # both have just been seen
        asked.clear()
        page.click(kind, number)
        assert asked == []


async def test_callbacks_that_do_not_wait_for_each_other_share_their_requests(
    page: Recorded, settings: Settings, asked: list[str]
) -> None:
    """All callbacks of one click at the same time, on a server that knows nothing yet."""
    bodies = page.click("apply", 1)
    asked.clear()
    server = create_api(settings)
    create_app(server)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=server), base_url="http://testserver") as browser:
        answers = await asyncio.gather(*(browser.post("/_dash-update-component", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} <= {200, 204}
    seen = Counter(asked)
    assert seen.pop(FACTS) == 2, "the answer before the edit, and after"
    assert {"POST /edits", "POST /evaluations", "POST /projections", "GET /checkpoints"} <= seen.keys()
    assert set(seen.values()) == {1}
    server.state.laboratory.close()
