"""Live rooms: one presenter writes the whole view state, any number of followers see the newest.

Rooms live in memory, for a day. A slow follower skips states it had no time for: only the newest is worth sending.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MAX_ROOMS = 256
MAX_FOLLOWERS = 1000  # of one room
MAX_STATE_BYTES = 64 * 1024
LIFETIME_SECONDS = 24 * 3600.0


class RoomsFull(Exception):
    """As many rooms are open as this server holds, or as many followers as one room holds."""


@dataclass
class Room:
    id: str
    presenter_token: str
    expires: float
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    revision: int = 0
    state: dict[str, Any] | None = None
    followers: int = 0
    closed: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def is_presenter(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.presenter_token.encode())

    def publish(self, state: dict[str, Any]) -> int:
        """Replace the state; returns the new revision."""
        self.revision += 1
        self.state = state
        self._wake()
        return self.revision

    def close(self) -> None:
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def follow(self, seen: int = -1, heartbeat: float = 15.0) -> AsyncIterator[tuple[int, dict[str, Any]] | None]:
        """(revision, state): a snapshot first (unless `seen` is the newest), then whatever is newest; None as a sign of life
        after `heartbeat` seconds of nothing. Ends when the room closes. Revision 0, before the presenter's first state, is
        not sent.

        Raises:
            RoomsFull: the room has all the followers it can have.
        """
        if self.followers >= MAX_FOLLOWERS:
            raise RoomsFull(f"this room has {MAX_FOLLOWERS} followers already")
        self.followers += 1
        try:
            while not self.closed:
                changed = self.changed
                if self.state is not None and self.revision != seen:
                    seen = self.revision
                    yield seen, self.state
                    continue  # it may have changed while that was being sent
                try:
                    async with asyncio.timeout(heartbeat):
                        await changed.wait()
                except TimeoutError:
                    yield None
        finally:
            self.followers -= 1


class Rooms:
    """All open rooms. Used from one event loop; `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._rooms: dict[str, Room] = {}
        self._clock = clock

    def create(self) -> Room:
        """A new room with an unguessable id and presenter token.

        Raises:
            RoomsFull: `MAX_ROOMS` are open.
        """
        self._expire()
        if len(self._rooms) >= MAX_ROOMS:
            raise RoomsFull(f"this server holds {MAX_ROOMS} rooms, and all are open; rooms close after a day")
        room = Room(secrets.token_urlsafe(9), secrets.token_urlsafe(32), self._clock() + LIFETIME_SECONDS)
        self._rooms[room.id] = room
        return room

    def get(self, id: str) -> Room | None:
        self._expire()
        return self._rooms.get(id)

    def close(self) -> None:
        """Close every room: their followers' streams end."""
        for room in self._rooms.values():
            room.close()
        self._rooms.clear()

    def _expire(self) -> None:
        now = self._clock()
        for room in [room for room in self._rooms.values() if room.expires <= now]:
            room.close()
            del self._rooms[room.id]
