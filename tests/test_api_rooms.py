"""Live rooms: one writer, the newest whole state, late joiners get a snapshot at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.api.rooms import LIFETIME_SECONDS, MAX_ROOMS, MAX_STATE_BYTES, Rooms, RoomsFull


def bearer(room: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {room['presenter_token']}"}


def test_only_the_presenter_writes(client: TestClient) -> None:
    room = client.post("rooms").json()
    assert room["id"] in room["audience_url"]
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


def test_a_state_is_bounded(client: TestClient) -> None:
    room = client.post("rooms").json()
    large = {"state": {"text": "x" * MAX_STATE_BYTES}}
    assert client.put(f"rooms/{room['id']}/state", json=large, headers=bearer(room)).status_code == 413


@pytest.mark.parametrize("path", ["rooms/none", "rooms/none/events"])
def test_an_unknown_room_is_404(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.put("rooms/none/state", json={"state": {}}).status_code == 404


async def test_a_slow_follower_gets_the_newest_alone() -> None:
    room = Rooms().create()
    room.publish({"k": 1})
    events = room.follow()
    assert await anext(events) == (1, {"k": 1})
    for k in range(2, 6):
        room.publish({"k": k})
    assert await anext(events) == (5, {"k": 5})
    assert room.followers == 1
    await events.aclose()
    assert room.followers == 0


async def test_silence_is_broken_by_a_heartbeat_and_a_known_state_is_not_sent_again() -> None:
    room = Rooms().create()
    room.publish({"k": 1})
    events = room.follow(seen=1, heartbeat=0.01)
    assert await anext(events) is None
    room.publish({"k": 2})
    assert await anext(events) == (2, {"k": 2})
    await events.aclose()


async def test_rooms_close_after_a_day() -> None:
    now = [0.0]
    rooms = Rooms(clock=lambda: now[0])
    room = rooms.create()
    now[0] = LIFETIME_SECONDS - 1
    assert rooms.get(room.id) is room
    now[0] = LIFETIME_SECONDS
    assert rooms.get(room.id) is None
    assert [event async for event in room.follow()] == []


def test_the_number_of_rooms_is_bounded(client: TestClient, app: FastAPI) -> None:
    rooms: Rooms = app.state.rooms
    for _ in range(MAX_ROOMS):
        rooms.create()
    with pytest.raises(RoomsFull):
        rooms.create()
    response = client.post("rooms")
    assert response.status_code == 429
    assert response.headers["retry-after"]


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

        await show({"k": 1})
        async with http.stream("GET", f"{path}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            follower = events(stream.aiter_lines())
            first = await anext(follower)
            assert first["event"] == "state"
            assert first["id"] == "1"
            assert json.loads(first["data"]) == {"revision": 1, "state": {"k": 1}}
            assert (await http.get(path)).json()["followers"] == 1
            await show({"k": 2})
            assert json.loads((await anext(follower))["data"])["state"] == {"k": 2}
        while (await http.get(path)).json()["followers"]:  # the server notices that one has left
            await asyncio.sleep(0.02)
