"""Work whose page has stopped waiting is dropped, all the way down to the queue."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from conftest import listening
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from app.leaving import Leaving
from app.main import create_app
from backend.api.laboratory import Laboratory

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


async def visit(waiter: Waiter, path: str, *, leaves: bool) -> list[Message]:
    sent: list[Message] = []
    parts = [{"type": "http.request", "body": text, "more_body": more} for text, more in ((b"a", True), (b"b", False))]

    async def receive() -> Message:
        if parts:
            return parts.pop(0)
        if not leaves:
            await asyncio.Event().wait()
        await waiter.waits.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    if not leaves:
        waiter.go.set()
    await Leaving(waiter, UPDATE)({"type": "http", "path": path}, receive, send)
    return sent


async def test_a_callback_whose_client_has_left_is_cancelled() -> None:
    waiter = Waiter()
    assert await visit(waiter, UPDATE, leaves=True) == []
    assert waiter.cancelled
    assert waiter.body == b"ab"


@pytest.mark.parametrize("path", [UPDATE, "/elsewhere"])
async def test_who_stays_is_answered(path: str) -> None:
    waiter = Waiter()
    sent = await visit(waiter, path, leaves=False)
    assert sent[-1]["body"] == b"done"
    assert not waiter.cancelled


async def test_a_page_that_leaves_takes_its_work_out_of_the_queue(app: FastAPI, laboratory: Laboratory) -> None:
    create_app(app)
    executor, free = laboratory.executor, threading.Event()
    with listening(app) as address:
        await until(lambda: any(key.startswith("baseline/") for key in laboratory.cache))  # the server has warmed up
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
