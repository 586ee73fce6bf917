"""What a person waits for, over HTTP against the real server: start-up, a click to the new picture and numbers, memory.

A click is what the page asks for when Apply is pressed: the edit, then at once its projection and its evaluation.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from benchmarks.row import Row
from benchmarks.server import Server, running_server

CLICKS = 9
PLACES = 5
DISTANCE = 4


def run() -> list[Row]:
    with running_server():
        pass  # the first start reads the disk; the second is the warm one
    with running_server() as server, httpx.Client(base_url=f"{server.url}/api/v1", timeout=120) as api:
        checkpoint = next(item for item in _get(api, "/checkpoints") if item["default"])
        relations = checkpoint["graph"]["relations"]
        one, others = relations[1], [name for name in relations[2:] if name != relations[1]]
        _click(api, checkpoint["id"], 0, one)  # draws the unedited picture, as opening the page does
        same = [_click(api, checkpoint["id"], subject, one) for subject in range(1, CLICKS + 1)]
        fresh = [_click(api, checkpoint["id"], 100, relation) for relation in others[:CLICKS]]
        places = [_places(api, checkpoint["id"], subject, one) for subject in range(1, 1 + PLACES)]
        return [
            Row(
                "click to new picture and numbers",
                statistics.median(same),
                note="HTTP: edit, then projection and evaluation together",
            ),
            Row(
                "the same, on a relation not yet seen",
                statistics.median(fresh),
                note="its unedited picture is drawn too",
            ),
            Row(
                "where a fact can be written",
                statistics.median(places),
                note="HTTP: an edit that is on the page, made and measured at every layer and token",
            ),
            Row("server start, warm", server.start_seconds, note="command to first 200 of /api/v1/health"),
            *_memory(server),
        ]


def _memory(server: Server) -> list[Row]:
    clicks = 1 + 2 * CLICKS
    try:
        return [
            Row("server memory, peak", server.peak_rss_mb, unit="MB", note=f"resident, after {clicks} different edits")
        ]
    except FileNotFoundError:  # no /proc
        return []


def _click(api: httpx.Client, checkpoint: str, subject: int, relation: str) -> float:
    """Seconds for one edit that the server has not seen."""
    started = time.perf_counter()
    done = _edited(api, checkpoint, subject, relation)
    with ThreadPoolExecutor(2) as pool:
        view = {"checkpoint": checkpoint, "edit": done["id"]}
        picture = pool.submit(_post, api, "/projections", {**view, "relation": relation})
        numbers = pool.submit(_post, api, "/evaluations", view)
        picture.result()
        numbers.result()
    return time.perf_counter() - started


def _places(api: httpx.Client, checkpoint: str, subject: int, relation: str) -> float:
    """Seconds for the strip of an edit that the server has made and evaluated."""
    done = _edited(api, checkpoint, subject, relation)
    started = time.perf_counter()
    _post(api, "/evaluations/placements", {"checkpoint": checkpoint, "edit": done["id"]})
    return time.perf_counter() - started


def _edited(api: httpx.Client, checkpoint: str, subject: int, relation: str) -> Any:
    edit = {"subject": subject, "relation": relation, "distance": DISTANCE, "method": "rome"}
    return _post(api, "/edits", {"checkpoint": checkpoint, "edits": [edit]})


def _get(api: httpx.Client, path: str) -> Any:
    return api.get(path).raise_for_status().json()


def _post(api: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    return api.post(path, json=body).raise_for_status().json()
