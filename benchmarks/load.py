"""Fifty clients at once, and two that ask for all there is: who waits how long.

`python -m benchmarks load`. Each client sends one kind of request after another of its own, for `SECONDS`, over HTTP against the real
server. Then two stacks of 64 edits by FT at their bounds are sent and left (the client goes away), and ordinary edits are timed.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx

from benchmarks.row import Row
from benchmarks.server import running_server

CHECKPOINT = "rings-2048"
SECONDS = 12.0
CLIENTS = {"edit": 20, "evaluation": 10, "projection": 10, "fact": 9, "health": 1}
PATIENCE = 10.0  # seconds that an answer may come after the last was asked for
LARGE = 2
RELATIONS = ("I_C2", "I_A3", "II_C1", "II_A4", "III_C3", "III_A1")


def run() -> list[Row]:
    with running_server() as server:
        taken, refused = asyncio.run(_crowd(server.url))
        waits = asyncio.run(_beside_large(server.url))
    rows = []
    for kind, times in taken.items():
        times.sort()
        note = (
            f"median {statistics.median(times) * 1000:.0f} ms, {len(times)} answered in {SECONDS:.0f} s"
            if times
            else "none answered"
        )
        if refused[kind]:
            note += f", {refused[kind]} refused or not in time"
        rows.append(
            Row(f"50 clients at once, {kind} (p99)", times[int(0.99 * (len(times) - 1))] if times else 0.0, note=note)
        )
    note = f"the longest of {len(waits)}, median {statistics.median(waits) * 1000:.0f} ms; {LARGE} x 64 FT, 1000 steps, 128 contexts, client gone"
    return [*rows, Row("an edit beside the largest work", max(waits), note=note)]


async def _crowd(url: str) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Seconds of every answer by kind, and how many were refused."""
    taken: dict[str, list[float]] = {kind: [] for kind in CLIENTS}
    refused = dict.fromkeys(CLIENTS, 0)
    until = time.perf_counter() + SECONDS
    numbers = itertools.count()

    async def client(kind: str) -> None:
        async with _http(url) as http:
            while time.perf_counter() < until:
                start = time.perf_counter()
                try:
                    async with asyncio.timeout(until + PATIENCE - start):
                        status = await _ask(http, kind, next(numbers))
                except TimeoutError:
                    status = 0
                if status == 200:
                    taken[kind].append(time.perf_counter() - start)
                else:
                    refused[kind] += 1
                await asyncio.sleep(0.05)

    await asyncio.gather(*(client(kind) for kind, count in CLIENTS.items() for _ in range(count)))
    return taken, refused


async def _ask(http: httpx.AsyncClient, kind: str, number: int) -> int:
    subject, relation = 3 + 7 * number % 2000, RELATIONS[number % len(RELATIONS)]
    edit = {"subject": subject, "relation": relation, "distance": 500}
    if kind == "health":
        return (await http.get("/health")).status_code
    if kind == "fact":
        return (
            await http.get(f"/checkpoints/{CHECKPOINT}/facts", params={"subject": subject, "relation": relation})
        ).status_code
    made = await http.post("/edits", json={"checkpoint": CHECKPOINT, "edits": [edit]})
    if kind == "edit" or made.status_code != 200:
        return made.status_code
    body = {"checkpoint": CHECKPOINT, "edit": made.json()["id"]}
    if kind == "projection":
        return (await http.post("/projections", json={**body, "relation": relation})).status_code
    return (await http.post("/evaluations", json=body)).status_code


async def _beside_large(url: str) -> list[float]:
    waits = []
    async with _http(url) as http:
        for number in range(LARGE):
            parameters = {"steps": 1000, "n_contexts": 128, "early_stop_loss": 0.0}
            # As much as the server takes: it refuses the whole of it.
            for count in (64, 3):
                edits = [
                    {"subject": 100 * number + i, "relation": "I_C2", "distance": 9, "method": "ft", "parameters": parameters}
                    for i in range(count)
                ]  # fmt: skip
                with suppress(httpx.TimeoutException):
                    await http.post("/edits", json={"checkpoint": CHECKPOINT, "edits": edits}, timeout=1.0)
        for number in range(20):
            start = time.perf_counter()
            assert await _ask(http, "edit", 10_000 + number) == 200
            waits.append(time.perf_counter() - start)
    return waits


@asynccontextmanager
async def _http(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", timeout=120.0) as http:
        yield http
