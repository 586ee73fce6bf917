"""A live room: 200 followers in a process of their own, one presenter, over HTTP against the real server.

`python -m benchmarks rooms`, or `python -m benchmarks.rooms`. The time is from just before the presenter's PUT leaves until a follower has read
the event, of every event that every follower got. One in ten followers loses its connection on the way and comes back.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.row import Row
from benchmarks.server import running_server

FOLLOWERS = 200
STEPS, STEPS_A_SECOND = 40, 4  # of a lecture in a hurry
TURNS, TURNS_A_SECOND = 100, 10  # of the camera, as often as a page tells of it
LOSES_CONNECTION = 10  # one in
LIMIT = 0.250  # seconds, p99
PATIENCE = 60.0  # seconds until all have joined, and until all have the last state
# What a page says of itself: two edits, a camera.
STATE = {
    "path": "/",
    "query": "?c=rings-2048&q=17~II_A3&e=17~I_C2~d500~rome~~tuned~1&e=3~I_C1~d4~rome~~tuned~1&cam=0.33~-1.1~1.3~0~0~-0.05~0~0~1",
    "camera": {"view": "solid", "at": [0.3312, -1.1042, 1.3001, 0.0, 0.0, -0.05, 0.0, 0.0, 1.0]},
}


@dataclass(frozen=True)
class Heard:
    """What the followers report. `delays` are seconds, of all events of all followers; `last` is the last number each saw."""

    delays: list[float]
    last: list[int]
    errors: list[str]


# --- the followers' process ------------------------------------------------------------------------------------------


async def follow(url: str, count: int) -> Heard:
    """Open `count` streams, say on standard output when all stand, read until the last state."""
    heard = Heard([], [-1] * count, [])
    standing: set[int] = set()
    readers = [asyncio.create_task(_read(url, number, heard, standing)) for number in range(count)]
    while len(standing) < count and not heard.errors:
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.gather(*readers)
    return heard


async def _read(url: str, number: int, heard: Heard, standing: set[int]) -> None:
    """One follower, without an HTTP library: those take longer to read an event than the server to send it."""
    place, revision, loses = urlsplit(url), "", number % LOSES_CONNECTION == 0
    while heard.last[number] < STEPS + TURNS:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nLast-Event-ID: {revision}\r\n\r\n".encode())
        if b" 200 " not in (status := await reader.readline()):
            heard.errors.append(status.decode().strip())
            return
        while line := await reader.readline():
            now = time.time()
            if line.startswith(b"id: "):
                revision = line[4:].decode().strip()
            elif line.startswith(b'data: {"revision"'):
                state = json.loads(line[6:])["state"]
                standing.add(number)
                if state["number"] <= heard.last[number]:
                    heard.errors.append(f"follower {number}: state {state['number']} after {heard.last[number]}")
                heard.last[number] = state["number"]
                if state["number"]:  # the first was there before them
                    heard.delays.append(now - state["sent"])
                if state["number"] >= STEPS + TURNS or (loses and state["number"] >= STEPS + TURNS // 2):
                    loses = False
                    break
        else:
            heard.errors.append(f"follower {number}: the server closed the stream")
        writer.close()


# --- the presenter's process -----------------------------------------------------------------------------------------


def present(url: str) -> tuple[Heard, list[float]]:
    """What the followers heard, and the seconds of each PUT."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as api:
        room = api.post("/rooms").raise_for_status().json()
        place, secret = f"/rooms/{room['id']}", {"Authorization": f"Bearer {room['presenter_token']}"}
        taken: list[float] = []

        def show(number: int) -> None:
            state: dict[str, Any] = {**STATE, "number": number, "sent": time.time()}
            api.put(f"{place}/state", json={"state": state}, headers=secret).raise_for_status()
            taken.append(time.time() - state["sent"])

        show(0)
        command = [sys.executable, "-m", "benchmarks.rooms", f"{url}/api/v1{place}/events", str(FOLLOWERS)]
        audience = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert audience.stdout is not None
            assert audience.stdout.readline() == "ready\n", "the followers did not come in"
            due = time.perf_counter()
            for number in range(1, STEPS + TURNS + 1):
                due += 1 / (STEPS_A_SECOND if number <= STEPS else TURNS_A_SECOND)
                time.sleep(max(0.0, due - time.perf_counter()))
                show(number)
            report, _ = audience.communicate(timeout=PATIENCE)
        finally:
            audience.kill()
            audience.wait()
        return Heard(**json.loads(report)), taken


def run() -> list[Row]:
    with running_server() as server:
        heard, taken = present(server.url)
    assert not heard.errors, heard.errors[:5]
    assert heard.last == [STEPS + TURNS] * FOLLOWERS, "somebody was left on an old state"
    cuts = statistics.quantiles(heard.delays, n=100)
    note = (
        f"p99; median {1000 * cuts[49]:.0f} ms, worst {1000 * max(heard.delays):.0f} ms of {len(heard.delays)} events; "
        f"{STEPS} steps at {STEPS_A_SECOND}, {TURNS} camera moves at {TURNS_A_SECOND} a second; a PUT {1000 * statistics.median(taken):.0f} ms; "
        f"no errors, all on the last state, {os.cpu_count()} cores; ratio is to the limit"
    )
    return [Row(f"live room, presenter to {FOLLOWERS} followers", cuts[98], LIMIT, LIMIT / cuts[98], note=note)]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(asyncio.run(follow(sys.argv[1], int(sys.argv[2]))).__dict__))
    else:
        for row in run():
            print(f"{row.name}: {1000 * row.ours:.0f} ms; {row.note}")
