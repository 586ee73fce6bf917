"""Streams of server-sent events, each event made by `fastapi.sse`.

Its routes that yield are not used: they encode an event anew for each who follows, and refuse nobody before the stream has begun.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi.sse import EventSourceResponse, format_sse_event

CONNECTED = format_sse_event(comment="connected")
SIGN_OF_LIFE = format_sse_event(comment="still here")


def event_stream(events: AsyncIterator[bytes]) -> EventSourceResponse:
    """The answer to who follows. `CONNECTED` comes first in it, so that a page knows the stream to be open."""
    return EventSourceResponse(events, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
