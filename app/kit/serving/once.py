"""ASGI middleware: of many pages that ask the same at the same time, as the followers of a live room do, one is answered and all get it.

A callback that is a pure function of what the page sends is named by its first output. Its answer, made once and compressed once, is kept
for a minute under the request's own bytes. An answer that says something went wrong goes to those who wait for it and is not kept.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEEP_SECONDS = 60.0
MAX_BYTES = 32 * 1024 * 1024
WORTH_COMPRESSING = 1024  # bytes
Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[Header]
    body: bytes
    compressed: bytes | None
    until: float

    @property
    def size(self) -> int:
        return len(self.body) + len(self.compressed or b"")


@dataclass
class _Flight:
    """One answer being made, and how many wait for it; it is dropped when the last of them leaves."""

    task: asyncio.Task[Answer]
    waiting: int = field(default=0)


class Once:
    """Answers POSTs to `path` whose first output is one of `outputs` (`id.property`). Used from one event loop."""

    def __init__(
        self, app: ASGIApp, path: str, outputs: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self.path = path
        self.outputs = frozenset(outputs)
        self.made = 0  # answers that were computed
        self._clock = clock
        self._kept: OrderedDict[bytes, Answer] = OrderedDict()
        self._bytes = 0
        self._flights: dict[bytes, _Flight] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.path or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                break
        if _first_output(body) not in self.outputs:
            await self.app(scope, _replay(body, receive), send)
            return
        answer = await self._answer(hashlib.sha256(body).digest(), scope, body)
        await _send(answer, scope, send)

    async def _answer(self, key: bytes, scope: Scope, body: bytes) -> Answer:
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._clock():
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._make(key, scope, body)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                if self._flights.get(key) is flight:  # a newcomer must not join what is being dropped
                    del self._flights[key]
                flight.task.cancel()

    async def _make(self, key: bytes, scope: Scope, body: bytes) -> Answer:
        status, headers, parts = 500, list[Header](), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                parts.append(message.get("body", b""))

        self.made += 1
        await self.app(scope, _replay(body, _never), collect)
        content = b"".join(parts)
        compressed = gzip.compress(content, 5, mtime=0) if len(content) > WORTH_COMPRESSING else None
        answer = Answer(status, headers, content, compressed, self._clock() + KEEP_SECONDS)
        if status == 200 and not _went_wrong(content):
            self._keep(key, answer)
        return answer

    def _keep(self, key: bytes, answer: Answer) -> None:
        self._drop(key)
        self._kept[key] = answer
        self._bytes += answer.size
        now = self._clock()
        while self._kept and (self._bytes > MAX_BYTES or next(iter(self._kept.values())).until <= now):
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        if key in self._kept:
            self._bytes -= self._kept.pop(key).size


def _first_output(body: bytes) -> str | None:
    """Of one output `id.property`, of several `..id.property...id.property..`."""
    try:
        output: Any = json.loads(body)["output"]
    except (ValueError, KeyError, TypeError):
        return None
    return output.strip(".").split("...")[0] if isinstance(output, str) else None


def _went_wrong(content: bytes) -> bool:
    """Whether it puts a message into one of the page's places for problems."""
    try:
        response: Any = json.loads(content)["response"]
        return any(name.startswith("problem") and any(values.values()) for name, values in response.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return True


async def _send(answer: Answer, scope: Scope, send: Send) -> None:
    accepted = next((value for name, value in scope["headers"] if name == b"accept-encoding"), b"")
    headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-length"]
    body = answer.body
    if answer.compressed is not None:
        headers.append((b"vary", b"Accept-Encoding"))
        if b"gzip" in accepted:
            headers.append((b"content-encoding", b"gzip"))
            body = answer.compressed
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _replay(body: bytes, after: Receive) -> Receive:
    """The body again, then whatever comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return first.pop() if first else await after()

    return receive


async def _never() -> Message:
    """Nobody leaves what many wait for."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
