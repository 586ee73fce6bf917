"""The door: ASGI middleware that every request comes through first, whatever it asks for.

    whose page asks          `origins`: 421 for a name that is not this server's, 403 for pages of other sites
    how large it is          `bodies`: 413; read at once, within `BODY_SECONDS` (408), into one piece
    how long it takes        until the answer begins: 503 with Retry-After
    whether they are there   a request whose client has left is cancelled, and so is what is computed for it
    what a browser may do    content policy, frames, types and referrers, on every answer
    HEAD                     is GET without its body

What a page asks of the API in this process (`INSIDE` in its scope, where nothing from outside can put it) came through already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shatterscope.backend.api import bodies, caller, origins
from shatterscope.backend.api.origins import Origins
from shatterscope.backend.api.problems import problem_response
from shatterscope.backend.settings import Settings
from shatterscope.wire.base import FieldError

BODY_SECONDS = 30.0
RETRY_AFTER = 10  # seconds
INSIDE = "shatterscope.inside"


class Door:
    """Raises nothing of its own: what it refuses it answers."""

    def __init__(self, app: ASGIApp, settings: Settings, inline_scripts: Sequence[str] = ()) -> None:
        self.app = app
        self.origins = Origins(settings)
        self.seconds = settings.request_seconds
        self.headers = security_headers(settings, inline_scripts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or INSIDE in scope:
            await self.app(scope, receive, send)
            return
        caller.enter(scope)
        answer = _Answer(send, self.headers, head=scope["method"] == "HEAD")
        if answer.head:
            scope = {**scope, "method": "GET"}
        try:
            self.origins.check(scope["method"], dict(scope["headers"]))
        except origins.OriginRefused as error:
            await _refuse(scope, answer, error.status, error.detail)
            return
        body = await self._read(scope, receive, answer)
        if body is not None:
            await self._run(body, scope, receive, answer)

    async def _read(self, scope: Scope, receive: Receive, answer: _Answer) -> bytes | None:
        """The whole body; None where it was refused, or nobody is there."""
        too_large = f"the body is larger than {bodies.MAX_BODY_BYTES} bytes, the most this server reads"
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if not said.isdigit() or len(said) > 12 or int(said) > bodies.MAX_BODY_BYTES:
            await _refuse(scope, answer, 413, too_large)
            return None
        parts, size, more = [], 0, True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    more = message.get("more_body", False)
                    if size > bodies.MAX_BODY_BYTES:
                        await _refuse(scope, answer, 413, too_large)
                        return None
        except TimeoutError:
            await _refuse(scope, answer, 408, f"the body did not come within {BODY_SECONDS:.0f} s")
            return None
        body = b"".join(parts)
        try:
            if body:
                bodies.check(body)
        except bodies.BadBody as error:
            await _refuse(scope, answer, 422, f"body: {error}", errors=[FieldError(field="body", message=str(error))])
            return None
        return body

    async def _run(self, body: bytes, scope: Scope, receive: Receive, answer: _Answer) -> None:
        left, read = asyncio.Event(), False

        async def replay() -> Message:
            nonlocal read
            if not read:
                read = True
                return {"type": "http.request", "body": body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()
            if not answer.ended:  # else it is only winding up
                work.cancel()

        async def limit() -> None:
            await asyncio.sleep(self.seconds)
            if not answer.begun:
                work.cancel()

        work = asyncio.ensure_future(self.app(scope, replay, answer))
        answer.close = work.cancel
        watchers = [asyncio.create_task(watch()), asyncio.create_task(limit())]
        try:
            await work
        except asyncio.CancelledError:
            if left.is_set() or answer.ended:
                return
            if not watchers[1].done():  # the server is stopping
                work.cancel()
                raise
            detail = f"no answer within {self.seconds:.0f} s; try again later, or ask for less"
            await _refuse(scope, answer, 503, detail, {"Retry-After": str(RETRY_AFTER)})
        finally:
            for watcher in watchers:
                watcher.cancel()
                with suppress(asyncio.CancelledError):
                    await watcher


class _Answer:
    """`send`, with the security headers; of the answer to a HEAD the headers alone."""

    def __init__(self, send: Send, headers: dict[str, str], head: bool) -> None:
        self.send, self.headers, self.head = send, headers, head
        self.begun = self.ended = False
        self.close: Callable[[], Any] = lambda: None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            if "GET" in (allow := headers.get("allow", "")) and "HEAD" not in allow:
                headers["allow"] = f"{allow}, HEAD"
            await self.send({**message, "headers": headers.raw})
        elif not self.head:
            await self.send(message)
            self.ended = not message.get("more_body", False)
        elif not self.ended:
            self.ended = True
            await self.send({"type": "http.response.body", "body": b""})
            if message.get("more_body", False):
                self.close()  # a stream would go on for nobody


async def _refuse(
    scope: Scope,
    answer: _Answer,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    errors: Sequence[FieldError] = (),
) -> None:
    """A body that was not read to its end must not be taken for the next request: the connection closes."""
    response = problem_response(status, detail, errors, {"Connection": "close", **(headers or {})})

    async def never() -> Message:
        raise AssertionError("a finished response asks for nothing")

    await response(scope, never, answer)


def security_headers(settings: Settings, inline_scripts: Sequence[str]) -> dict[str, str]:
    """For every answer. Styles are inline in plotly's and Dash's elements; pictures are made in the page."""
    images = " ".join(["img-src 'self' data: blob:", *settings.image_hosts.split()])
    policy = [
        "default-src 'self'",
        " ".join(["script-src 'self'", *inline_scripts]),
        "style-src 'self' 'unsafe-inline'",
        images,
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        f"frame-ancestors {settings.frame_ancestors}",
    ]
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    if settings.frame_ancestors == "'self'":
        headers["X-Frame-Options"] = "SAMEORIGIN"  # for browsers that do not know frame-ancestors
    return headers
