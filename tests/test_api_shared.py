"""What many pages ask at once is answered once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from dash import Dash
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from shatterscope.app.kit.serving.pure import asks_for, went_well
from shatterscope.app.main import create_app
from shatterscope.app.pages.explore.callbacks import SHARED
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.shared import KEEP_SECONDS, MAX_BYTES, SharedAnswers

PATH = "/_dash-update-component"


class Slow:
    """Answers when told to, and counts."""

    def __init__(self, answer: dict[str, Any] | None = None, status: int = 200) -> None:
        self.calls, self.cancelled, self.go = 0, 0, asyncio.Event()
        self.content = json.dumps({"response": answer or {"figure": {"data": "x" * 5000}}}).encode()
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        assert (await receive())["body"]
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(self.content)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content})


def share(slow: Slow, **options: Any) -> SharedAnswers:
    return SharedAnswers(slow, PATH, asks_for(["figure.a"]), went_well, **options)


def asks(shared: SharedAnswers) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=shared), base_url="http://test")


def asking(output: str = "..figure.a...figure.b..", k: int = 0) -> dict[str, Any]:
    return {"output": output, "inputs": k}


async def test_many_who_ask_at_once_and_soon_after_get_one_answer() -> None:
    slow = Slow()
    shared = share(slow)
    async with asks(shared) as client:
        waiting = [asyncio.create_task(client.post(PATH, json=asking())) for _ in range(20)]
        await asyncio.sleep(0.05)
        slow.go.set()
        answers = await asyncio.gather(*waiting)
        answers.append(await client.post(PATH, json=asking()))
        assert {each.content for each in answers} == {slow.content}
        assert answers[0].headers["content-encoding"] == "gzip"
        plain = await client.post(PATH, json=asking(), headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == slow.content
        assert slow.calls == shared.cache.statistics.computed == 1
        await client.post(PATH, json=asking(k=1))
        assert slow.calls == 2, "another question is another answer"


@pytest.mark.parametrize("output", ["other.a", "..other.a...figure.a..", None])
async def test_what_is_not_named_is_not_shared(output: str | None) -> None:
    slow = Slow()
    slow.go.set()
    async with asks(share(slow)) as client:
        for _ in range(2):
            await client.post(PATH, json={"output": output})
            await client.post("/elsewhere", json=asking())
    assert slow.calls == 4


@pytest.mark.parametrize(
    "slow", [Slow({"problem-scene": {"children": "The server is busy."}}), Slow(status=500), Slow(status=204)]
)
async def test_what_went_wrong_is_not_kept(slow: Slow) -> None:
    slow.go.set()
    async with asks(share(slow)) as client:
        for _ in range(2):
            assert (await client.post(PATH, json=asking())).status_code == slow.status
    assert slow.calls == 2


async def test_who_leaves_takes_nothing_from_the_others_and_the_last_one_ends_it() -> None:
    slow = Slow()
    async with asks(share(slow)) as client:
        first, second = (asyncio.create_task(client.post(PATH, json=asking())) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.sleep(0.01)
        slow.go.set()
        assert (await second).status_code == 200
        assert slow.cancelled == 0
        slow.go.clear()
        last = asyncio.create_task(client.post(PATH, json=asking(k=2)))
        await asyncio.sleep(0.05)
        last.cancel()
        await asyncio.sleep(0.01)
        assert slow.cancelled == 1


async def test_answers_are_kept_for_a_while_and_within_bounds() -> None:
    now = [0.0]
    slow = Slow()
    slow.go.set()
    shared = share(slow, clock=lambda: now[0])
    async with asks(shared) as client:
        await client.post(PATH, json=asking())
        now[0] = KEEP_SECONDS
        await client.post(PATH, json=asking())
        assert slow.calls == 2
        slow.content = b'{"response": {"a": "' + b"x" * (MAX_BYTES // 3) + b'"}}'
        for k in range(1, 6):
            await client.post(PATH, json=asking(k=k))
        assert 0 < shared.cache.bytes <= MAX_BYTES


# What a page that shows an edit keeps of its state, and what it last drew.
KEPT: dict[str, Any] = {
    "part-model": {"checkpoint": "rings-small", "edits": ["3~I_C1~d4~rome~~tuned~1"]},
    "part-ask": {"checkpoint": "rings-small", "subject": 3, "relation": "I_C1"},
    "part-aim": {"target": "d4"},
    "part-see": {
        "relation": None, "site": None, "projection": "isomap", "dimensions": 3, "align": "procrustes", "n_neighbors": None, "mode": "two",
    },
    "drawn": None,
    "r-site-asked": None,
    "sites-asked": None,
    "placements-asked": None,
    "notes-asked": None, "knowledge-asked": None,
    "prediction-asked": None,
    "foreseen": None,
    "camera": None,
    "course-edit": None,
}  # fmt: skip


def steps(dash: Dash, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """What a page asks for when a step has brought it to `kept`: all that `SHARED` names but the step itself."""
    bodies = []
    for output, callback in dash.callback_map.items():
        places = [
            dict(zip(("id", "property"), each.rsplit(".", 1), strict=True)) for each in output.strip(".").split("...")
        ]
        first = "{id}.{property}".format(**places[0])
        if first in SHARED and first != "checkpoint.value":
            inputs, state = (
                [{**each, "value": kept[each["id"]]} for each in callback[of]] for of in ("inputs", "state")
            )
            changed = [f"{each['id']}.{each['property']}" for each in inputs]
            bodies.append(
                {"output": output, "outputs": places, "inputs": inputs, "state": state, "changedPropIds": changed}
            )
    return bodies


async def test_a_room_of_followers_costs_one_computation_a_step(app: FastAPI, laboratory: Laboratory) -> None:
    """40 pages that come to the same edit: each callback is answered once, and nothing is computed that one page would not cost."""
    dash = create_app(app)
    work = laboratory.cache.statistics
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:

        async def step(distance: int, pages: int) -> tuple[int, int]:
            """Computations, and times that the API was asked."""
            edit = f"3~I_C1~d{distance}~rome~~tuned~1"
            bodies = steps(dash, {**KEPT, "part-model": {"checkpoint": "rings-small", "edits": [edit]}})
            assert len(bodies) == len(SHARED) - 1
            before = work.computed, work.hits + work.joined
            answers = await asyncio.gather(*(client.post(PATH, json=body) for _ in range(pages) for body in bodies))
            assert {each.status_code for each in answers} == {200}
            assert len({each.content for each in answers}) == len(bodies)
            assert not any("could not" in each.text for each in answers)
            return work.computed - before[0], work.hits + work.joined - before[1]

        await step(2, pages=1)  # the unedited side is computed for all
        computed, asked = await step(3, pages=1)
        assert computed > 0
        assert await step(4, pages=40) == (computed, asked)
