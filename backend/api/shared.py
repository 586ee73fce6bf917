"""ASGI middleware: of many pages that ask the same at the same time, as the followers of a live room do, one is answered and all get it.

An answer is made once, compressed once, and kept for a minute under the request's own bytes. One that says something went wrong goes to those who
wait for it and is not kept. Whoever attaches a page says which requests are pure functions of what they send (`share_answers` in the server's state).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shatterscope.backend.api.cache import Cache

KEEP_SECONDS = 60.0
MAX_BYTES = 32 * 1024 * 1024
WORTH_COMPRESSING = 1024  # bytes
Header = tuple[bytes, bytes]
Judge = Callable[[bytes], bool]


@dataclass(frozen=True)
class SharedAnswer:
    status: int
    headers: list[Header]
    body: bytes
    compressed: bytes | None


class _NotSound(Exception):
    def __init__(self, answer: SharedAnswer) -> None:
        super().__init__("what went wrong is not kept")
        self.answer = answer


class SharedAnswers:
    """Answers POSTs to `path` whose body is `wanted`, and keeps answers with status 200 whose body is `sound`. Used from one event loop."""

    def __init__(
        self, app: ASGIApp, path: str, wanted: Judge, sound: Judge, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app, self.path, self.wanted, self.sound = app, path, wanted, sound
        self.cache = Cache(MAX_BYTES, KEEP_SECONDS, clock)

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
        if not self.wanted(body):
            await self.app(scope, _replay(body, receive), send)
            return
        try:
            answer = await self.cache.get(hashlib.sha256(body).hexdigest(), lambda: self._make(scope, body))
        except _NotSound as error:
            answer = error.answer
        await _send(answer, scope, send)

    async def _make(self, scope: Scope, body: bytes) -> SharedAnswer:
        status, headers, parts = 500, list[Header](), list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, _replay(body, _never), collect)
        content = b"".join(parts)
        compressed = gzip.compress(content, 5, mtime=0) if len(content) > WORTH_COMPRESSING else None
        answer = SharedAnswer(status, headers, content, compressed)
        if status != 200 or not self.sound(content):
            raise _NotSound(answer)
        return answer


async def _send(answer: SharedAnswer, scope: Scope, send: Send) -> None:
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
