"""Connections of the real server: a bounded number of them, and none that waits for ever.

uvicorn times out an idle connection between two requests, and no other: one that sends half of a header, or never reads its
answer, would stay. Each connection takes a file descriptor, and a server that has none left can do nothing at all, not even refuse.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 15.0  # from the first look at a connection, or from a request's first byte, to the end of its header
STALLED_SECONDS = 60.0  # that an answer may wait to be read
HEADER_BYTES = 32 * 1024
WANTED = 16_384  # descriptors
RESERVE = 128  # descriptors for all that are not connections: files, the database, workers
QUIET_SECONDS = 30.0  # between two lines of one kind in the log

log = logging.getLogger(__name__)


def raise_descriptors() -> int:
    """Allow this process as many file descriptors as it may have (up to `WANTED`). Returns how many connections that is good for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # a sandbox may not allow it
            pass
    return max(RESERVE, (WANTED if soft == resource.RLIM_INFINITY else soft) - RESERVE)


class Seldom(logging.Filter):
    """Lets one line of a kind through every `QUIET_SECONDS`, with the number of those that were left out."""

    def __init__(self, seconds: float = QUIET_SECONDS) -> None:
        super().__init__()
        self.seconds = seconds
        self._kinds: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind, now = str(record.msg)[:200], time.monotonic()
        last, left_out = self._kinds.get(kind, (-self.seconds, 0))
        if now - last < self.seconds:
            self._kinds[kind] = (last, left_out + 1)
            return False
        if len(self._kinds) > 1000:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} times before)", None
        return True


def keep_the_log_short() -> None:
    """For what anybody outside can make the server say."""
    for name in (
        "uvicorn.error",
        "asyncio",
        "shatterscope.app.kit.serving.asked",
        "shatterscope.app.kit.client",
        __name__,
    ):
        logging.getLogger(name).addFilter(Seldom())


class Connection(H11Protocol):
    """uvicorn's, with a deadline for headers and for reading, refused with a 503 where `limit` are open."""

    limit = WANTED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _send_at_once(transport.get_extra_info("socket"))
        self._header: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limit:
            log.warning("%d connections are open, the most this server can hold; more are refused", self.limit)
            self._answer(b"503 Service Unavailable", b"Retry-After: 10\r\n")
            return
        self._wait_for_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            if self.conn.trailing_data[0] or self._header is not None:
                self._wait_for_header()
        else:
            self._stop("_header")

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop("_header")
        self._stop("_stalled")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop("_stalled")
        super().resume_writing()

    def _wait_for_header(self) -> None:
        """Its time runs from the first byte: more bytes do not begin it anew."""
        if self._header is None:
            self._header = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def _too_slow(self) -> None:
        self._header = None
        if not self.transport.is_closing():
            self._answer(b"408 Request Timeout")

    def _answer(self, status: bytes, headers: bytes = b"") -> None:
        """Without the application, and the connection ends."""
        self.transport.write(
            b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        self.transport.close()

    def _stop(self, name: str) -> None:
        timer: Any = getattr(self, name, None)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)


def _send_at_once(connection: socket.socket) -> None:
    """Else the body of an answer waits until the client's system acknowledges its header, some 40 ms. asyncio sees to that only where the
    listening socket was made with its protocol named, which uvicorn's is not, nor those of `socket.create_server`."""
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def options(limit: int) -> dict[str, Any]:
    """For uvicorn's `Config`."""
    return {
        "http": type("Connection", (Connection,), {"limit": limit}),
        "ws": "none",  # nothing here speaks it
        "timeout_keep_alive": 15,
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "reset_contextvars": True,  # who asks is kept in one, and must not be who asked before on the same connection
    }
