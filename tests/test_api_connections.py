"""Connections of the real server: half requests and unread answers end, too many are refused, and the log stays short."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from shatterscope.backend.api import connections
from shatterscope.backend.api.connections import Seldom, raise_descriptors

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = 50_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    large = scope.get("path") == "/large"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x" * LARGE if large else b"hello"})


@contextmanager
def port(limit: int = 100) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", **connections.options(limit))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def rest(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_an_answer_is_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, begin = list[int](), connections.Connection.connection_made

    def look(self: connections.Connection, transport: asyncio.Transport) -> None:
        begin(self, transport)
        made.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(connections.Connection, "connection_made", look)
    with port() as number, socket.create_connection(("127.0.0.1", number), timeout=60) as connection:
        connection.sendall(REQUEST)
        assert connection.recv(65536)
    assert len(made) == 1
    assert made[0]


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: ", REQUEST + b"GET / HTTP/1.1\r\n"])
def test_half_a_request_ends(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
    with port() as number, socket.create_connection(("127.0.0.1", number), timeout=60) as connection:
        connection.sendall(sent)
        answer = rest(connection)
    assert answer.endswith(b"Connection: close\r\n\r\n")
    assert b"408 Request Timeout" in answer
    assert (b"200 OK" in answer) == sent.startswith(REQUEST)


def test_a_whole_request_is_answered_and_the_connection_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with port() as number, socket.create_connection(("127.0.0.1", number), timeout=60) as connection:
        for _ in range(3):
            for part in (REQUEST[:9], REQUEST[9:]):
                connection.sendall(part)
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK")


def test_an_answer_that_nobody_reads_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "STALLED_SECONDS", 0.1)
    with port() as number, socket.create_connection(("127.0.0.1", number), timeout=60) as connection:
        connection.sendall(REQUEST.replace(b"/ ", b"/large "))
        with suppress(OSError):  # until the other end is gone; what it sends is not read
            while True:
                connection.send(b"\r\n")
                threading.Event().wait(0.05)


def test_too_many_connections_are_refused_and_others_served() -> None:
    with port(limit=2) as number:
        open_ones = [socket.create_connection(("127.0.0.1", number), timeout=60) for _ in range(2)]
        for each in open_ones:
            each.sendall(REQUEST)
            assert each.recv(65536).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", number), timeout=60) as refused:
            answer = rest(refused)
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"Retry-After" in answer
        for each in open_ones:
            each.close()


def test_the_soft_limit_of_descriptors_is_raised() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[0]), before[1]))
        room = raise_descriptors()
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert soft == min(connections.WANTED, before[1] if before[1] > 0 else connections.WANTED)
        assert 0 < room <= soft
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_is_said_again_and_again_is_said_seldom() -> None:
    seldom = Seldom(seconds=1e9)
    lines = [logging.makeLogRecord({"msg": "no place for %d", "args": (i,)}) for i in range(100)]
    assert sum(map(seldom.filter, lines)) == 1
    assert seldom.filter(logging.makeLogRecord({"msg": "another"}))
    seldom.seconds = 0
    last = logging.makeLogRecord({"msg": "no place for %d", "args": (7,)})
    assert seldom.filter(last)
    assert last.getMessage() == "no place for 7 (and 99 times before)"
