"""Live rooms: one writer, the newest whole state, late joiners get a snapshot at once, and a restart loses nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.limiter import MAX_KEYS, Limiter
from shatterscope.backend.api.polls import MAX_QUESTIONS, MAX_VOTERS, PolledQuestion, PollFull, Polls
from shatterscope.backend.api.rooms import (
    HANDOVER_SECONDS,
    LIFETIME_SECONDS,
    MAX_FOLLOWERS,
    MAX_ROOMS,
    MAX_STATE_BYTES,
    Message,
    Room,
    RoomLimits,
    Rooms,
    RoomsFull,
    secret_hash,
)
from shatterscope.backend.settings import Settings
from shatterscope.backend.store import RoomStore, Store

ASKED = {"lesson": "shattering", "step": 3}


def bearer(room: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {room['presenter_token']}"}


async def heard(room: Room, n: int, **how: Any) -> list[tuple[str, Any]]:
    """The next `n` events of a new stream."""
    stream = room.follow(**how)
    found = [await anext(stream) for _ in range(n)]
    await stream.aclose()
    return [(each.event, json.loads(each.data)) for each in found if each]


def revision(told: Message | None) -> int | None:
    assert told is not None
    return told.id


# --- who may drive ---------------------------------------------------------------------------------------------------


def test_only_the_presenter_writes(client: TestClient) -> None:
    room = client.post("rooms").json()
    assert room["id"] in room["audience_url"]
    assert room["presenter_token"] not in room["audience_url"]
    path = f"rooms/{room['id']}/state"
    assert client.put(path, json={"state": {}}).status_code == 401
    refused = client.put(path, json={"state": {}}, headers={"Authorization": "Bearer guess"})
    assert refused.status_code == 403
    other = client.post("rooms").json()
    assert client.put(path, json={"state": {}}, headers=bearer(other)).status_code == 403
    assert client.put(path, json={"state": {"k": 1}}, headers=bearer(room)).json() == {"revision": 1}
    assert client.put(path, json={"state": {"k": 2}}, headers=bearer(room)).json() == {"revision": 2}
    info = client.get(f"rooms/{room['id']}").json()
    assert info["revision"] == 2
    assert info["followers"] == 0
    assert "presenter_token" not in info


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", ""), ("POST", "/handover"), ("PUT", "/state"), ("GET", "/events")]
)
def test_guessing_is_slowed_down_and_the_presenter_is_not(client: TestClient, method: str, path: str) -> None:
    room = client.post("rooms").json()
    body = {"json": {"state": {}}} if method == "PUT" else {}
    guess = {"Authorization": "Bearer guess"}
    for _ in range(RoomLimits().guesses.burst):
        assert client.request(method, f"rooms/{room['id']}{path}", headers=guess, **body).status_code == 403  # type: ignore[arg-type]
    slowed = client.request(method, f"rooms/{room['id']}{path}", headers=guess, **body)  # type: ignore[arg-type]
    assert slowed.status_code == 429
    assert slowed.headers["content-type"] == "application/problem+json"
    assert int(slowed.headers["retry-after"]) >= 1
    assert client.put(f"rooms/{room['id']}/state", json={"state": {}}, headers=bearer(room)).status_code == 200
    other = client.post("rooms").json()
    assert client.put(f"rooms/{other['id']}/state", json={"state": {}}, headers=guess).status_code == 403


def test_guessing_a_code_to_take_over_is_slowed_down(client: TestClient) -> None:
    room = client.post("rooms").json()
    path = f"rooms/{room['id']}"
    offer = client.post(f"{path}/handover", headers=bearer(room)).json()
    for _ in range(RoomLimits().guesses.burst):
        assert client.post(f"{path}/presenter", json={"code": "guess"}).status_code == 403
    assert client.post(f"{path}/presenter", json={"code": "guess"}).status_code == 429
    assert client.post(f"{path}/presenter", json={"code": offer["code"]}).status_code == 200, "who was invited may come"


def test_a_token_says_until_when_it_is_good(client: TestClient, app: FastAPI) -> None:
    room = client.post("rooms").json()
    path = f"rooms/{room['id']}"
    offer = client.post(f"{path}/handover", headers=bearer(room)).json()
    taken = client.post(f"{path}/presenter", json={"code": offer["code"]}).json()
    expires = datetime.fromisoformat(room["expires"]).timestamp()
    assert expires == pytest.approx(app.state.rooms.get(room["id"]).created + LIFETIME_SECONDS)
    assert client.get(path).json()["expires"] == room["expires"] == taken["expires"]


def test_handing_over_makes_the_old_token_void_and_works_once(client: TestClient) -> None:
    room = client.post("rooms").json()
    path = f"rooms/{room['id']}"
    assert client.post(f"{path}/handover").status_code == 401
    offer = client.post(f"{path}/handover", headers=bearer(room)).json()
    assert offer["code"] in offer["url"].partition("#")[2], "what follows # is not sent to any server"
    assert client.put(f"{path}/state", json={"state": {}}, headers=bearer(room)).status_code == 200, "until it is used"
    assert client.post(f"{path}/presenter", json={"code": "guess"}).status_code == 403
    taken = client.post(f"{path}/presenter", json={"code": offer["code"]}).json()
    assert client.put(f"{path}/state", json={"state": {}}, headers=bearer(room)).status_code == 403
    assert client.put(f"{path}/state", json={"state": {}}, headers=bearer(taken)).status_code == 200
    assert client.post(f"{path}/presenter", json={"code": offer["code"]}).status_code == 403


async def test_an_offer_to_hand_over_is_good_for_some_minutes() -> None:
    now = [0.0]
    rooms = Rooms(clock=lambda: now[0])
    room, token = await rooms.create()
    first, second = rooms.offer(room), rooms.offer(room)
    assert await rooms.take(room, first) is None, "the newer offer replaced it"
    now[0] = HANDOVER_SECONDS
    assert await rooms.take(room, second) is None
    assert room.is_presenter(token)


async def test_the_streams_of_the_old_presenter_end() -> None:
    rooms = Rooms()
    room, _ = await rooms.create()
    stream = room.follow(presenter=True)
    await anext(stream)
    await rooms.take(room, rooms.offer(room))
    assert [each async for each in stream] == []
    assert room.presenters == 0


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_state_is_bounded(client: TestClient) -> None:
    room = client.post("rooms").json()
    large = {"state": {"text": "x" * MAX_STATE_BYTES}}
    assert client.put(f"rooms/{room['id']}/state", json=large, headers=bearer(room)).status_code == 413
    assert client.get(f"rooms/{room['id']}").json()["revision"] == 0


@pytest.mark.parametrize("path", ["rooms/none", "rooms/none/events", "rooms/none/qr.svg"])
def test_an_unknown_room_is_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.put("rooms/none/state", json={"state": {}}).status_code in (401, 404)


async def test_the_number_of_rooms_is_bounded(browser: httpx.AsyncClient, app: FastAPI) -> None:
    rooms: Rooms = app.state.rooms
    for _ in range(MAX_ROOMS):
        await rooms.create()
    with pytest.raises(RoomsFull):
        await rooms.create()
    response = await browser.post("/rooms")
    assert response.status_code == 429
    assert response.headers["retry-after"]


def test_one_address_opens_a_bounded_number_of_rooms(client: TestClient) -> None:
    answers = [client.post("rooms") for _ in range(RoomLimits().rooms.burst + 1)]
    assert [each.status_code for each in answers[:-1]] == [201] * (len(answers) - 1)
    assert answers[-1].status_code == 429


def test_a_full_room_says_so(client: TestClient, app: FastAPI) -> None:
    room = client.post("rooms").json()
    app.state.rooms.get(room["id"]).followers = MAX_FOLLOWERS
    assert client.get(f"rooms/{room['id']}/events").status_code == 429


@given(st.lists(st.floats(0, 30), max_size=40), st.integers(1, 5))
def test_a_limiter_never_lets_more_through_than_it_says(pauses: list[float], burst: int) -> None:
    now, passed = [0.0], []
    limiter = Limiter(rate=0.5, burst=burst, clock=lambda: now[0])
    for pause in pauses:
        now[0] += pause
        wait = limiter.take("a")
        if wait:
            assert limiter.take("b" * (1 + len(passed))) == 0, "another key is another bucket"
            now[0] += wait
            assert limiter.take("a") == 0, "after the time it names it may be done"
        passed.append(now[0])
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + 0.5 * (passed[last] - passed[first]) + 1e-6


def test_a_limiter_forgets() -> None:
    limiter = Limiter(rate=0.001, burst=1, clock=lambda: 0.0)
    for key in range(3 * MAX_KEYS):
        limiter.take(key)
    assert len(limiter._spent) <= MAX_KEYS


# --- what followers hear ---------------------------------------------------------------------------------------------


async def test_a_slow_follower_gets_the_newest_alone() -> None:
    room, _ = await Rooms().create()
    room.publish({"k": 1})
    stream = room.follow()
    assert revision(await anext(stream)) == 1
    for k in range(2, 6):
        room.publish({"k": k})
    told = await anext(stream)
    assert told is not None
    assert json.loads(told.data) == {"revision": 5, "state": {"k": 5}}
    assert room.followers == 1
    await stream.aclose()
    assert room.followers == 0


@given(st.lists(st.sampled_from(["publish", "a", "b", "join a", "join b"]), max_size=30))
async def test_newest_wins_in_any_order_of_events(order: list[str]) -> None:
    """Whatever the interleaving, a follower's states only go forward, and when all is quiet it holds the newest."""
    room, _ = await Rooms().create()
    streams: dict[str, AsyncIterator[Message | None]] = {}
    seen: dict[str, int] = {}

    async def read(name: str) -> None:
        """All that is due, which is one message of each kind at most; silence ends it."""
        while (told := await anext(streams[name])) is not None:
            if told.event == "state":
                assert told.id is not None
                assert told.id > seen.get(name, 0)
                assert json.loads(told.data)["state"] == {"k": told.id}
                seen[name] = told.id

    for step in order:
        name = step[-1]
        if step == "publish":
            room.publish({"k": room.revision + 1})
        elif step.startswith("join"):  # also anew, as after a lost connection
            if name in streams:
                await streams.pop(name).aclose()  # type: ignore[attr-defined]
            streams[name] = room.follow(seen.get(name, -1), heartbeat=0.0)
        elif name in streams:
            await read(name)
    for name, stream in streams.items():
        await read(name)
        assert seen.get(name, 0) == room.revision
        await stream.aclose()  # type: ignore[attr-defined]
    assert room.followers == 0


async def test_silence_is_broken_by_a_heartbeat_and_a_known_state_is_not_sent_again() -> None:
    room, _ = await Rooms().create()
    room.publish({"k": 1})
    stream = room.follow(seen=1, heartbeat=0.01)
    told = await anext(stream)
    assert told is not None
    assert told.event == "room"
    assert await anext(stream) is None
    room.publish({"k": 2})
    assert revision(await anext(stream)) == 2
    await stream.aclose()


async def test_followers_are_counted_and_the_presenter_is_not_one() -> None:
    rooms = Rooms()
    room, _ = await rooms.create()
    presenter, follower = room.follow(presenter=True), room.follow()
    await anext(presenter)
    await anext(follower)
    await rooms.tick()
    assert await heard(room, 1, presenter=True) == [("room", {"followers": 1, "presenter": True})]
    await presenter.aclose()
    await follower.aclose()
    await rooms.tick()
    assert await heard(room, 1) == [("room", {"followers": 0, "presenter": False})]


# --- questions to the audience ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=30))
def test_each_voter_counts_once_with_the_latest_answer(votes: list[tuple[str, int]]) -> None:
    polls, question = Polls(), PolledQuestion("l", 1)
    for voter, choice in votes:
        polls.answer(question, voter, choice)
    counts = polls.counts(question)
    latest = Counter(dict(votes).values())
    assert {choice: n for choice, n in enumerate(counts) if n} == dict(latest)


def test_polls_are_bounded() -> None:
    polls = Polls()
    for voter in range(MAX_VOTERS):
        polls.answer(PolledQuestion("l", 0), str(voter), 0)
    with pytest.raises(PollFull):
        polls.answer(PolledQuestion("l", 0), "one more", 0)
    polls.answer(PolledQuestion("l", 0), "0", 1)
    assert polls.counts(PolledQuestion("l", 0)) == [MAX_VOTERS - 1, 1]
    for step in range(MAX_QUESTIONS):
        polls.answer(PolledQuestion("l", 1 + step), "a", 0)
    assert polls.counts(PolledQuestion("l", 0)) == []


async def test_the_audience_sees_counts_when_the_presenter_shows_them() -> None:
    rooms, question = Rooms(), PolledQuestion("shattering", 3)
    room, _ = await rooms.create()
    room.publish({"k": 1})
    room.answer(question, "voter-one", 1)
    await rooms.tick()
    counts = {**ASKED, "counts": [0, 1]}
    assert await heard(room, 2, presenter=True) == [
        ("room", {"followers": 0, "presenter": False}),
        ("counts", {**counts, "shown": False}),
    ]
    assert [event for event, _ in await heard(room, 2)] == ["state", "room"]
    room.publish({"k": 1}, shown=question)
    assert (await heard(room, 2))[1] == ("counts", {**counts, "shown": True})


def test_answers_come_over_http(client: TestClient, app: FastAPI) -> None:
    room = client.post("rooms").json()
    path = f"rooms/{room['id']}/answers"
    answer = {**ASKED, "choice": 2, "voter": "random-name"}
    assert client.post(path, json=answer).status_code == 204
    assert client.post(path, json={**answer, "choice": 0}).status_code == 204
    assert app.state.rooms.get(room["id"]).polls.counts(PolledQuestion("shattering", 3)) == [1]
    assert client.post(path, json={**answer, "choice": 99}).status_code == 422
    app.state.room_limits.answers = Limiter(rate=1, burst=0)
    assert client.post(path, json=answer).status_code == 429


def test_the_link_is_a_qr_code_without_the_secret(client: TestClient) -> None:
    room = client.post("rooms").json()
    picture = client.get(f"rooms/{room['id']}/qr.svg")
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg")


# --- how rooms end, and outlive the server ---------------------------------------------------------------------------


async def test_rooms_close_after_a_day_in_memory_and_in_the_store(tmp_path: Path) -> None:
    now = [1000.0]
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    rooms = Rooms(RoomStore(store), clock=lambda: now[0])
    room, _ = await rooms.create()
    now[0] += LIFETIME_SECONDS - 1
    assert rooms.get(room.id) is room
    assert [each.id for each in RoomStore(store).load(now[0])] == [room.id]
    stream = room.follow()
    await anext(stream)
    now[0] += 1
    await rooms.tick()
    assert rooms.get(room.id) is None
    assert [each and each.encoded async for each in stream] == [b'event: end\ndata: {"reason":"expired"}\n\n']
    assert RoomStore(store).load(0.0) == []
    store.close()


def test_an_ended_room_is_gone_and_its_followers_are_told(client: TestClient, app: FastAPI) -> None:
    room = client.post("rooms").json()
    path = f"rooms/{room['id']}"
    open_room: Room = app.state.rooms.get(room["id"])
    assert client.delete(path, headers=bearer(room)).status_code == 204
    assert open_room.ended == "ended"
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/events").status_code == 404
    assert RoomStore(app.state.laboratory.store).load(0.0) == []


def test_rooms_outlive_the_server(settings: Settings) -> None:
    base = "http://testserver/api/v1/"
    with TestClient(create_app(settings), base_url=base) as client:
        room, other = client.post("rooms").json(), client.post("rooms").json()
        path = f"rooms/{room['id']}"
        client.put(f"{path}/state", json={"state": {"k": 1}}, headers=bearer(room))
        offer = client.post(f"rooms/{other['id']}/handover", headers=bearer(other)).json()
        taken = client.post(f"rooms/{other['id']}/presenter", json={"code": offer["code"]}).json()
        created = client.get(path).json()["created"]
    app = create_app(settings)
    with TestClient(app, base_url=base) as client:
        info = client.get(path).json()
        assert info["created"] == created
        assert info["revision"] > 1, "beyond any that a follower may have seen and a crash have lost"
        assert app.state.rooms.get(room["id"]).state == {"k": 1}
        assert client.put(f"{path}/state", json={"state": {"k": 2}}).status_code == 401
        again = client.put(f"{path}/state", json={"state": {"k": 2}}, headers=bearer(room)).json()
        assert again["revision"] == info["revision"] + 1
        path = f"rooms/{other['id']}/state"
        assert client.put(path, json={"state": {}}, headers=bearer(other)).status_code == 403
        assert client.put(path, json={"state": {}}, headers=bearer(taken)).status_code == 200


async def test_the_store_holds_no_secret_and_nothing_of_the_audience(tmp_path: Path) -> None:
    place = tmp_path / "store.db"
    store = Store(f"sqlite:///{place}")
    rooms = Rooms(RoomStore(store))
    room, token = await rooms.create()
    rooms.publish(room, {"k": 1})
    room.answer(PolledQuestion("l", 1), "voter-name", 1)
    await rooms.tick()
    store.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert secret_hash(token).encode() in written
    assert token.encode() not in written
    assert b"voter-name" not in written


async def test_a_store_that_fails_for_a_while_is_written_later(tmp_path: Path) -> None:
    class Flaky(RoomStore):
        broken = False

        def put(self, rooms: Any) -> None:
            if self.broken:
                from shatterscope.backend.store import StoreError

                raise StoreError("the disk is full")
            super().put(rooms)

    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    flaky = Flaky(store)
    rooms = Rooms(flaky)
    room, _ = await rooms.create()
    rooms.publish(room, {"k": 1})
    flaky.broken = True
    with pytest.raises(Exception, match="disk is full"):
        await rooms.tick()
    flaky.broken = False
    await rooms.tick()
    assert RoomStore(store).load(0.0)[0].state == '{"k":1}'
    store.close()


# --- over a real connection, since an answer that never ends needs one -----------------------------------------------


async def events(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in lines:
        if not line and event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


async def test_followers_see_what_the_presenter_shows(address: str) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        room = (await http.post(f"{address}/api/v1/rooms")).json()
        path = f"{address}/api/v1/rooms/{room['id']}"

        async def show(state: dict[str, Any]) -> None:
            (await http.put(f"{path}/state", json={"state": state}, headers=bearer(room))).raise_for_status()

        async def newest(stream: AsyncIterator[dict[str, str]], name: str) -> dict[str, str]:
            while (event := await anext(stream))["event"] != name:
                pass
            return event

        await show({"k": 1})
        async with http.stream("GET", f"{path}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            follower = events(stream.aiter_lines())
            first = await anext(follower)
            assert first["event"] == "state"
            assert first["id"] == "1"
            assert json.loads(first["data"]) == {"revision": 1, "state": {"k": 1}}
            assert (await http.get(path)).json()["followers"] == 1
            while json.loads((await newest(follower, "room"))["data"])["followers"] != 1:
                pass
            await show({"k": 2})
            assert json.loads((await newest(follower, "state"))["data"])["state"] == {"k": 2}
        while (await http.get(path)).json()["followers"]:  # the server notices that one has left
            await asyncio.sleep(0.02)
        async with http.stream("GET", f"{path}/events", headers={"Last-Event-ID": "2"}) as stream:
            follower = events(stream.aiter_lines())
            assert (await anext(follower))["event"] == "room", "the state is known"
            await http.delete(path, headers=bearer(room))
            assert json.loads((await newest(follower, "end"))["data"]) == {"reason": "ended"}
