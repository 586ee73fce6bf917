"""The cache, the queue and the door: computed once, bounded, and always answered in kind."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.cache import Cache, size_of
from shatterscope.backend.api.executor import Busy, Executor
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.settings import Settings

SMALL = "rings-small"


def an_edit(distance: int) -> dict[str, Any]:
    edit = {"subject": 7, "relation": "II_A1", "distance": distance, "parameters": {"steps": 5}}
    return {"checkpoint": SMALL, "edits": [edit]}


# --- the cache -------------------------------------------------------------------------------------------------------


async def value_of(nbytes: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.zeros(nbytes, np.uint8)


async def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(3500)
    for name in "abc":
        await cache.get(name, lambda: value_of(1000))
    await cache.get("a", lambda: value_of(1000))
    await cache.get("d", lambda: value_of(1000))
    assert set(cache) == {"c", "a", "d"}
    assert cache.bytes <= 3500
    assert cache.statistics.evicted == 1


async def test_what_is_larger_than_the_cache_is_not_kept() -> None:
    cache = Cache(1000)
    assert (await cache.get("a", lambda: value_of(5000))).nbytes == 5000
    assert list(cache) == []
    assert cache.bytes == 0


async def test_a_failure_reaches_all_who_wait_and_is_forgotten() -> None:
    cache, start = Cache(1000), asyncio.Event()

    async def fail() -> int:
        await start.wait()
        raise ValueError("no")

    waiting = [asyncio.create_task(cache.get("a", fail)) for _ in range(3)]
    await asyncio.sleep(0)
    start.set()
    assert all(isinstance(each, ValueError) for each in await asyncio.gather(*waiting, return_exceptions=True))
    assert cache.statistics.failed == 1
    assert (await cache.get("a", lambda: value_of(1))).nbytes == 1


async def test_the_last_to_leave_cancels_the_computation() -> None:
    cache, cancelled = Cache(1000), asyncio.Event()

    async def forever() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return 1

    first, second = (asyncio.create_task(cache.get("a", forever)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert not cancelled.is_set()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await asyncio.sleep(0)
    assert cancelled.is_set()
    assert (await cache.get("a", lambda: value_of(1))).nbytes == 1


def test_sizes_count_what_is_inside() -> None:
    array = np.zeros(1000)
    assert size_of(array) >= 8000
    assert size_of({"a": [array, array]}) >= 16000
    assert size_of("x" * 500) >= 500


# --- the queue -------------------------------------------------------------------------------------------------------


async def test_beyond_the_queue_the_answer_is_busy() -> None:
    executor, release = Executor(workers=1, queue_limit=1), threading.Event()
    try:
        running = [asyncio.create_task(executor.run(release.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        assert executor.pending == 2
        with pytest.raises(Busy) as caught:
            await executor.run(release.wait)
        assert caught.value.retry_after >= 1
        release.set()
        await asyncio.gather(*running)
        assert await executor.run(lambda: 5) == 5
    finally:
        release.set()
        executor.close()


async def test_a_job_nobody_waits_for_is_never_started_and_frees_its_place() -> None:
    executor, release, started = Executor(workers=1, queue_limit=1), threading.Event(), threading.Event()
    try:
        running = asyncio.create_task(executor.run(release.wait))
        waiting = asyncio.create_task(executor.run(started.set))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert executor.pending == 1
        release.set()
        await running
        assert await executor.run(lambda: 5) == 5
        assert not started.is_set()
    finally:
        release.set()
        executor.close()


@pytest.fixture
def busy_app(settings: Settings) -> FastAPI:
    return create_app(settings.model_copy(update={"workers": 1, "queue_limit": 1}))


async def test_a_full_queue_is_429_and_neither_cached_nor_joined_requests_count(busy_app: FastAPI) -> None:
    laboratory: Laboratory = busy_app.state.laboratory
    release = threading.Event()
    transport = httpx.ASGITransport(app=busy_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as browser:
        try:
            known = (await browser.post("/edits", json=an_edit(1))).json()
            blocker = asyncio.create_task(laboratory.executor.run(release.wait))
            await asyncio.sleep(0)
            waiting = [asyncio.create_task(browser.post("/edits", json=an_edit(2))) for _ in range(5)]
            while laboratory.cache.statistics.joined < 4:
                await asyncio.sleep(0.01)
            refused = await browser.post("/edits", json=an_edit(3))
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["content-type"] == "application/problem+json"
            cached = await browser.get(f"/edits/{known['id']}")
            assert cached.status_code == 200
            release.set()
            await blocker
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            assert (await browser.post("/edits", json=an_edit(3))).status_code == 200
        finally:
            release.set()
            laboratory.close()


async def test_a_client_that_disconnects_leaves_the_queue(busy_app: FastAPI) -> None:
    laboratory: Laboratory = busy_app.state.laboratory
    release, gone = threading.Event(), asyncio.Event()
    body = json.dumps(an_edit(2)).encode()
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(f"nobody is there for {message}")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/edits",
        "raw_path": b"/api/v1/edits",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "server": ("testserver", 80),
        "client": ("testclient", 1),
        "http_version": "1.1",
    }
    try:
        blocker = asyncio.create_task(laboratory.executor.run(release.wait))
        request = asyncio.create_task(busy_app(scope, receive, send))
        while laboratory.executor.pending < 2:
            await asyncio.sleep(0.01)
        gone.set()
        await request
        while laboratory.executor.pending > 1:
            await asyncio.sleep(0.01)
        release.set()
        await blocker
        assert laboratory.executor.pending == 0
        assert laboratory.cache.statistics.computed == 0
    finally:
        release.set()
        laboratory.close()


# --- the door --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/v1", "/api/v1/nothing", "/api/v2/health"])
def test_unknown_paths_are_404_for_every_method(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, f"http://testserver{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == 404


def test_another_method_is_405_and_says_which_there_are(client: TestClient) -> None:
    response = client.delete("health")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.headers["content-type"] == "application/problem+json"


def test_a_large_body_is_413(client: TestClient) -> None:
    response = client.post("edits", content=b"[" + b" " * 2**20 + b"]", headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"checkpoint": 1}'])
def test_a_body_that_is_no_request_is_422(client: TestClient, body: bytes) -> None:
    response = client.post("edits", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["errors"]


def test_an_unexpected_error_is_a_problem_without_its_traceback(app: FastAPI) -> None:
    api = next(route.app for route in app.routes if getattr(route, "path", "") == "/api/v1")

    @api.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret detail")

    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        response = client.get("broken")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
