"""ASGI middleware: a callback whose page has stopped waiting is cancelled, and so is what it asked of the API.

The API drops a computation that nobody waits for any more; this carries a page's `cancel`, its newer request or its closing that
far. Without it the callback would go on, and hold its place in the queue.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Leaving:
    """Watches the requests at `path` for their client's disconnection."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self.app = app
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self.path:
            await self.app(scope, receive, send)
            return
        # The disconnection comes after the body, so that is read first and handed on from here.
        body: list[Message] = [await receive()]
        while body[-1].get("more_body", False):
            body.append(await receive())
        left, answered = asyncio.Event(), False

        async def replay() -> Message:
            if body:
                return body.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send_and_note(message: Message) -> None:
            nonlocal answered
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body", False)

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
            if not left.is_set():  # the server is stopping
                work.cancel()
                raise
        finally:
            watcher.cancel()
            with suppress(asyncio.CancelledError):
                await watcher
