"""ASGI middleware at the door: bounded bodies, and work for people who have left is dropped."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.api.problems import problem_response

MAX_BODY_BYTES = 1024 * 1024


class Guard:
    """Answers 413 to a body over `max_body` bytes; cancels a request whose client has disconnected, so that a computation
    nobody waits for any more leaves the queue."""

    def __init__(self, app: ASGIApp, max_body: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await self._read(receive)
        if body is None:
            detail = f"the body is larger than {self.max_body} bytes, the most this server reads"
            await problem_response(413, detail)(scope, receive, send)
            return
        await self._run(body, scope, receive, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None where it is too large."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return body  # the write will find out
            body += message.get("body", b"")
            if len(body) > self.max_body:
                return None
            if not message.get("more_body", False):
                return body

    async def _run(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        left, answered, read = asyncio.Event(), False, False

        async def replay() -> Message:
            nonlocal read
            if not read:
                read = True
                return {"type": "http.request", "body": body, "more_body": False}
            await left.wait()
            return {"type": "http.disconnect"}

        async def send_and_note(message: Message) -> None:
            nonlocal answered
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = True

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left.set()
            if not answered:  # else it is only winding up
                work.cancel()

        work = asyncio.ensure_future(self.app(scope, replay, send_and_note))
        watcher = asyncio.create_task(watch())
        try:
            await work
        except asyncio.CancelledError:
            if not left.is_set():
                work.cancel()
                raise
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
