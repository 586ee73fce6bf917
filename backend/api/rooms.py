"""Live rooms: one presenter writes the whole view state, any number of followers see the newest.

A slow follower skips states it had no time for: only the newest is worth sending. Rooms are answered from memory; the store learns
of a new state within a moment, so that rooms outlive a restart of the server. They end after a day, or when the presenter says so.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi.sse import format_sse_event

from shatterscope.backend.api.limiter import Limiter
from shatterscope.backend.api.polls import PolledQuestion, Polls
from shatterscope.backend.store import RoomStore, StoredRoom, StoreError

MAX_ROOMS = 256
MAX_FOLLOWERS = 1000  # of one room
MAX_STATE_BYTES = 64 * 1024
LIFETIME_SECONDS = 24 * 3600.0
IDLE_SECONDS = (
    600.0  # without anybody in it or anything new, after which a room gives its place to another where all are taken
)
HANDOVER_SECONDS = 600.0  # an offer to hand over stands this long
TICK_SECONDS = 0.4  # how often numbers of followers and answers are told, and the store written
# States that a crash may have kept from the store: revisions go on beyond what any follower can have seen.
REVISION_GAP = 1000

log = logging.getLogger(__name__)


class RoomsFull(Exception):
    """As many rooms are open as this server holds, or as many followers as one room holds."""


class RoomLimits:
    """How often one address may open rooms, guess a secret of a room, and answer in it (a whole class may share one address)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.rooms = Limiter(rate=0.1, burst=60, clock=clock)
        self.guesses = Limiter(rate=0.1, burst=10, clock=clock)
        self.answers = Limiter(rate=20, burst=500, clock=clock)


@dataclass(frozen=True)
class Message:
    """One server-sent event, made once for all who get it; `data` is JSON."""

    event: str
    data: str
    id: int | None = None

    @cached_property
    def encoded(self) -> bytes:
        return format_sse_event(event=self.event, data_str=self.data, id=None if self.id is None else str(self.id))


def message(event: str, data: dict[str, Any], id: int | None = None) -> Message:
    return Message(event, json.dumps(data, separators=(",", ":")), id)


def _state(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def secret_hash(secret: str) -> str:
    """The secrets are random and long, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Room:
    """`followers` and `presenters` are streams open now; `latest` holds the newest message of each kind."""

    def __init__(self, stored: StoredRoom, gap: int = 0) -> None:
        self.id, self.expires, self.created = stored.id, stored.expires, stored.created
        self.token_hash = stored.token_hash
        self.used = stored.created  # when something was last done in it
        self.revision = stored.revision + gap
        self.state: dict[str, Any] | None = None if stored.state is None else _state(stored.state)
        self.shown: PolledQuestion | None = None  # whose counts the followers see
        self.polls = Polls()
        self.followers = self.presenters = 0
        self.ended: str | None = None  # why
        self.closed = False  # no stream goes on
        self.latest: dict[str, Message] = {}
        self._offer: tuple[str, float] | None = None  # hash of a code to hand over with, and until when
        self._changed = asyncio.Event()
        self._counts_changed = False
        if self.state is not None:
            self.latest["state"] = message("state", {"revision": self.revision, "state": self.state}, self.revision)
        self.tell()

    def stored(self) -> StoredRoom:
        state = None if self.state is None else json.dumps(self.state, separators=(",", ":"))
        return StoredRoom(self.id, self.token_hash, self.expires, self.created, self.revision, state)

    def is_left(self, now: float) -> bool:
        return not self.followers and not self.presenters and now - self.used > IDLE_SECONDS

    def is_presenter(self, token: str) -> bool:
        return hmac.compare_digest(secret_hash(token), self.token_hash)

    # --- what the presenter does ---------------------------------------------------------------------------------------

    def publish(self, state: dict[str, Any], shown: PolledQuestion | None = None) -> int:
        """Replace the state, and whose counts are shown; returns the new revision. Raises `ValueError` for one that is too large."""
        told = message("state", {"revision": self.revision + 1, "state": state}, self.revision + 1)
        if len(told.data) > MAX_STATE_BYTES:
            raise ValueError(f"a state has at most {MAX_STATE_BYTES} bytes as JSON")
        self.revision, self.state, self.latest["state"] = self.revision + 1, state, told
        if shown != self.shown:
            self.shown = shown
            self._tell_counts()
        self._wake()
        return self.revision

    def offer(self, until: float) -> str:
        """A code that makes who has it the presenter, once; an earlier one is void."""
        code = secrets.token_urlsafe(18)
        self._offer = secret_hash(code), until
        return code

    def take(self, code: str, now: float) -> str | None:
        """The token of the new presenter, where the code is right; the old one is void."""
        if self._offer is None:
            return None
        hashed, until = self._offer
        if now >= until or not hmac.compare_digest(secret_hash(code), hashed):
            return None
        token = secrets.token_urlsafe(32)
        self._offer, self.token_hash = None, secret_hash(token)
        self._wake()  # the old presenter's streams end
        return token

    def close(self, ended: str | None = None) -> None:
        """End all streams; `ended` says why, where the room is over and not just the server stopping."""
        self.ended, self.closed = ended or self.ended, True
        self._wake()

    # --- what the audience does ----------------------------------------------------------------------------------------

    def answer(self, question: PolledQuestion, voter: str, choice: int) -> None:
        """Raises `PollFull`."""
        self.polls.answer(question, voter, choice)
        self._counts_changed = True

    def tell(self) -> None:
        """Put numbers that have changed among the newest messages. Called now and then, not for each of 200 who join at once."""
        people = message("room", {"followers": self.followers, "presenter": self.presenters > 0})
        if people != self.latest.get("room"):
            self.latest["room"] = people
            self._wake()
        if self._counts_changed:
            self._tell_counts()
            self._wake()

    async def follow(
        self, seen: int = -1, *, presenter: bool = False, heartbeat: float = 15.0
    ) -> AsyncIterator[Message | None]:
        """Messages: the newest of each kind first (but not the state of revision `seen`), then whatever is newest; None as a sign of
        life after `heartbeat` seconds of nothing. A presenter hears of people and answers, an audience of states, people and the
        counts that are shown. Ends when the room closes, a presenter's also when another takes over.
        """
        kinds = ("room", "answers") if presenter else ("state", "counts", "room")
        sent = {kind: told for kind, told in self.latest.items() if kind == "state" and told.id == seen}
        token_hash = self.token_hash
        self._count(presenter, +1)
        try:
            while not self.closed and (token_hash == self.token_hash or not presenter):
                changed = self._changed
                due = [kind for kind in kinds if self.latest.get(kind) is not sent.get(kind)]
                if due:
                    sent[due[0]] = self.latest[due[0]]
                    yield sent[due[0]]
                    continue  # it may have changed while that was being sent
                try:
                    async with asyncio.timeout(heartbeat):
                        await changed.wait()
                except TimeoutError:
                    yield None
            if self.ended is not None:
                yield message("end", {"reason": self.ended})
        finally:
            self._count(presenter, -1)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _count(self, presenter: bool, change: int) -> None:
        if presenter:
            self.presenters += change
        else:
            self.followers += change

    def _tell_counts(self) -> None:
        self._counts_changed = False
        for kind, question in (("counts", self.shown), ("answers", self.shown or self.polls.newest)):
            if question is not None:
                counts = self.polls.counts(question)
                data = {"lesson": question.lesson, "step": question.step, "counts": counts}
                self.latest[kind] = message("counts", {**data, "shown": question == self.shown})

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Rooms:
    """All open rooms. Used from one event loop; `clock` returns seconds since the epoch. Without a store they end with the server.

    Raises:
        StoreError: the store cannot be read.
    """

    def __init__(self, store: RoomStore | None = None, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._store = store
        self._rooms: dict[str, Room] = {}
        self._unwritten: set[str] = set()  # ids of rooms the store is behind of
        self._gone: set[str] = set()  # ids of rooms to take out of it
        self._writing = asyncio.Lock()  # a room that has ended must not be written again by a write under way
        self._stop = asyncio.Event()
        now = clock()
        for stored in store.load(now) if store else ():
            try:
                room = Room(stored, REVISION_GAP)
            except (ValueError, RecursionError) as error:
                log.warning("the room %.80r in the store is passed over: its state is no JSON (%s)", stored.id, error)
                continue
            # Where the clock was put back meanwhile, its day must not become a year.
            room.expires, room.used = min(room.expires, now + LIFETIME_SECONDS), now
            self._rooms[stored.id] = room

    async def create(self) -> tuple[Room, str]:
        """A new room with an unguessable id, and its presenter's token, which is nowhere kept. Where all places are taken, the room
        that has been left for the longest time ends.

        Raises:
            RoomsFull: `MAX_ROOMS` are open, and none has been left.
            StoreError: it could not be written.
        """
        self.expire()
        token, now = secrets.token_urlsafe(32), self.clock()
        if len(self._rooms) >= MAX_ROOMS:
            left = [each for each in self._rooms.values() if each.is_left(now)]
            if not left:
                raise RoomsFull(f"this server holds {MAX_ROOMS} rooms, and all are in use; try again in ten minutes")
            self._remove(min(left, key=lambda each: each.used), "expired")
        room = Room(StoredRoom(secrets.token_urlsafe(9), secret_hash(token), now + LIFETIME_SECONDS, now, 0, None))
        self._rooms[room.id] = room
        try:
            await self._write({room.id})
        except StoreError:
            del self._rooms[room.id]
            raise
        return room, token

    def get(self, id: str) -> Room | None:
        self.expire()
        return self._rooms.get(id)

    def publish(self, room: Room, state: dict[str, Any], shown: PolledQuestion | None = None) -> int:
        """As `Room.publish`; the store is written later."""
        revision = room.publish(state, shown)
        room.used = self.clock()
        self._unwritten.add(room.id)
        return revision

    def offer(self, room: Room) -> str:
        return room.offer(self.clock() + HANDOVER_SECONDS)

    async def take(self, room: Room, code: str) -> str | None:
        token = room.take(code, self.clock())
        if token is not None:
            await self._write({room.id})
        return token

    async def end(self, room: Room) -> None:
        """The presenter ends it: the followers are told, and nothing of it is kept."""
        self._remove(room, "ended")
        await self._write(set())

    def expire(self) -> None:
        """End the rooms whose day is over; the next tick takes them out of the store."""
        now = self.clock()
        for room in [room for room in self._rooms.values() if room.expires <= now]:
            self._remove(room, "expired")

    async def tick(self) -> None:
        """What is done now and then: rooms end, numbers are told, the store is written."""
        self.expire()
        for room in self._rooms.values():
            room.tell()
        await self._write(self._unwritten)

    async def keep(self) -> None:
        """Ticks until `close`, and once more."""
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    await self._stop.wait()
            except TimeoutError:
                pass
            try:
                await self.tick()
            except StoreError as error:  # the rooms go on in memory, and the next tick tries again
                log.warning("live rooms are not written: %s", error)

    def close(self) -> None:
        """The server stops: streams end, the rooms stay in the store."""
        for room in self._rooms.values():
            room.close()
        self._stop.set()

    def _remove(self, room: Room, why: str) -> None:
        room.close(why)
        if self._rooms.pop(room.id, None) is not None:
            self._gone.add(room.id)

    async def _write(self, ids: set[str]) -> None:
        if self._store is None or not (ids or self._gone):
            return
        async with self._writing:
            rooms, gone = [self._rooms[id].stored() for id in ids if id in self._rooms], self._gone
            self._unwritten, self._gone = self._unwritten - ids, set()
            try:
                await asyncio.to_thread(self._store.put, rooms)
                await asyncio.to_thread(self._store.remove, gone)
            except StoreError:
                self._unwritten |= {room.id for room in rooms}
                self._gone |= gone
                raise
