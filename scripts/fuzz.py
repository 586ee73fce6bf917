"""Valid requests to the API and to the pages, and what becomes of them when they are damaged: nothing may answer 5xx.

    python -m scripts.fuzz --requests 10000 --seed 1

The server runs in this process, on the small checkpoint and a state folder of its own; computations may take four seconds. Every request
follows from the seed and its number: `--first 4711 --requests 1 --verbose` makes one again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from shatterscope.app.main import create_app as attach
from shatterscope.backend.api import create_app
from shatterscope.backend.settings import REPOSITORY, load_settings

SMALL = "rings-small"
EDIT = {"subject": 7, "relation": "I_C2", "distance": 4, "method": "rome", "parameters": {"steps": 2, "n_contexts": 2}}
PAGES = ("/", "/compare/", "/lecture/", "/reproduce/", "/in-context/", "/gallery/")
HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**63, -(2**64), 10**90, 1e308, -0.0, 0.5, "", " ", "0", "7", "I_C2", "nan", "\ud800", "a\x00b", "é😀",
    "x" * 5000, "../../etc/passwd", "<script>", "' OR 1=1", [], {}, [[]], [None] * 50, {"a": {"b": [1]}}, {"id": "x", "property": "y"},
    "?c=rings-small&e=7~I_C2~d4", "7~I_C2~d4~rome~0~tuned~1", "rings-small", float("nan"), float("inf"), [1, "a", None], "2026-01-01",
)  # fmt: skip
SEGMENTS = (
    "%00",
    "..",
    "%2e%2e%2f",
    "%ED%A0%80",
    "x" * 3000,
    "-1",
    "nan",
    "",
    "%",
    "a%0Ab",
    "nothing",
    "%C3%28",
    "0" * 32,
)
HEADERS = (
    ("content-type", "text/plain"), ("content-type", "application/json; charset=utf-16"), ("content-type", "multipart/form-data"),
    ("accept", "text/html"), ("accept-encoding", "gzip;q=0, br, *"), ("if-none-match", '"x", W/"y"'), ("last-event-id", "9" * 400),
    ("authorization", "Bearer x"), ("authorization", "Basic \xff"), ("origin", "null"), ("host", "evil.example"), ("range", "bytes=9-1"),
    ("content-length", "-5"), ("x-forwarded-for", "1.2.3.4, ::1"), ("sec-fetch-site", "cross-site"), ("cookie", "a=\xe9; ;;"),
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO")


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    params: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    raw: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def content(self) -> bytes | None:
        if self.raw is not None:
            return self.raw
        return None if self.body is None else json.dumps(self.body).encode()


async def valid(http: httpx.AsyncClient) -> list[Asked]:
    """Requests as programs and pages make them."""
    api = "/api/v1"
    edit = (await http.post(f"{api}/edits", json={"checkpoint": SMALL, "edits": [EDIT]})).json()["id"]
    picture = {"checkpoint": SMALL, "relation": "I_C2", "method": "pca", "dimensions": 2, "edit": edit}
    shown = (await http.post(f"{api}/projections", json=picture)).json()["id"]
    room = (await http.post(f"{api}/rooms")).json()
    sweep = {"checkpoint": SMALL, "methods": ["rome"], "distances": [1], "edits_per_cell": 2, "queries": 10}
    job = (await http.post(f"{api}/sweeps", json=sweep)).json()["id"]
    view = {"state": {"path": "/", "query": f"?c={SMALL}"}, "title": "a view", "note": "seen"}
    kept = (await http.post(f"{api}/views", json=view)).json()["id"]
    token = (("authorization", f"Bearer {room['presenter_token']}"),)
    at = f"{api}/rooms/{room['id']}"
    fact = {"subject": 7, "relation": "I_C2", "relation2": "I_A1", "edit": edit}
    query = {"c": SMALL, "e": "7~I_C2~d4"}
    found = [
        *(Asked("GET", f"{api}{path}") for path in ("/health", "/checkpoints", "/editors", "/lessons", "/jobs", "/views", "/openapi.json")),
        Asked("GET", f"{api}/checkpoints/{SMALL}/facts", fact),
        Asked("GET", f"{api}/checkpoints/{SMALL}/errors", {"limit": 5}),
        Asked("GET", f"{api}/checkpoints/{SMALL}/reproduction"),
        Asked("GET", f"{api}/lessons/editing-101"),
        *(Asked("GET", f"{api}/edits/{edit}{what}") for what in ("", "/delta", "/weights")),
        Asked("GET", f"{api}/projections/{shown}"),
        Asked("GET", f"{api}/qr", {"text": "http://localhost/?room=x"}),
        Asked("GET", f"{api}/views/{kept}"),
        *(Asked("GET", f"{api}/sweeps/{job}/{what}", {"format": "csv"}) for what in ("rows", "report")),
        Asked("GET", f"{api}/jobs/{job}", {"limit": 5}),
        *(Asked("POST", f"{api}/jobs/{job}/{what}") for what in ("pause", "resume")),
        Asked("DELETE", f"{api}/jobs/{job}"),
        Asked("POST", f"{api}/edits", body={"checkpoint": SMALL, "edits": [EDIT, {**EDIT, "subject": 9, "batch": True}]}),
        Asked("POST", f"{api}/projections", body=picture),
        Asked("POST", f"{api}/projections", body={**picture, "method": "isomap", "n_neighbors": 8, "align": "shared"}),
        Asked("POST", f"{api}/verdicts", body=picture),
        Asked("POST", f"{api}/activations", body={"checkpoint": SMALL, "relation": "I_C2", "edit": edit, "site": "resid_post.1"}),
        Asked("POST", f"{api}/evaluations", body={"checkpoint": SMALL, "edit": edit, "queries": 20, "contexts": 1, "seed": 0}),
        Asked("POST", f"{api}/evaluations/sites", body={"checkpoint": SMALL, "edit": edit, "sites": ["attn_out.1"]}),
        Asked("POST", f"{api}/evaluations/placements", body={"checkpoint": SMALL, "edits": [EDIT], "queries": 20, "contexts": 1}),
        Asked("POST", f"{api}/evaluations/notes", body={"checkpoint": SMALL, "notes": [{"subject": 7, "relation": "I_C2", "distance": 4}], "queries": 20, "contexts": 1}),
        Asked("POST", f"{api}/in-context", body={"graph": "grid", "seed": 3}),
        Asked("POST", f"{api}/sweeps", body={**sweep, "sequence": {"every": 1, "repetitions": 1}, "corrective": False}),
        Asked("POST", f"{api}/tracings", body={"checkpoint": SMALL, "facts": 4, "seed": 0}),
        Asked("POST", f"{api}/keys-values", body={"checkpoint": SMALL, "relation": "I_C2", "layer": 0}),
        Asked("POST", f"{api}/rings", body={"checkpoint": SMALL, "edit": edit, "entities": 16}),
        Asked("POST", f"{api}/views", body=view),
        Asked("POST", f"{api}/exports", {"format": "csv"}, {"checkpoint": SMALL, "edits": [EDIT], "relation": "I_C2", "link": "/?x"}),
        Asked("POST", f"{api}/rooms"),
        Asked("GET", at),
        Asked("GET", f"{at}/qr.svg"),
        Asked("PUT", f"{at}/state", body={"state": {"query": "?c=a", "n": 1.5}, "shown": {"lesson": "a", "step": 1}}, headers=token),
        Asked("POST", f"{at}/answers", body={"lesson": "a", "step": 1, "choice": 2, "voter": "abcdefgh"}),
        Asked("POST", f"{at}/handover", headers=token),
        Asked("POST", f"{at}/presenter", body={"code": "x"}),
        *(Asked("GET", path.rstrip("/") or "/", query) for path in PAGES),
        Asked("GET", f"/v/{kept}"),
        *(Asked("GET", f"/export.{what}", query) for what in ("json", "csv", "html", "delta.safetensors")),
        Asked("GET", "/compare/export.json", {"c": SMALL, "q": "7~I_C2", "by": "rome:tuned"}),
        Asked("GET", "/reproduce/export.csv", {"c": SMALL}),
        Asked("GET", "/lecture/prepare", {"lesson": "editing-101", "step": "1"}),
        *(Asked("GET", path) for path in ("/assets/style.css", "/assets/pages/explore.js", "/_dash-layout", "/_reload-hash", "/_favicon.ico")),
        Asked("GET", "/_dash-component-suites/dash/deps/react@18.v4_4_1m1.3.1.min.js"),
    ]  # fmt: skip
    for page in PAGES:
        found += await _callbacks(http, page)
    return found


async def _callbacks(http: httpx.AsyncClient, page: str) -> list[Asked]:
    """One request of each callback of a page, with values that its page could send. Those that run in the browser are refused."""
    found = []
    for each in (await http.get(f"{page}_dash-dependencies")).json():
        places = [_place(place["id"], place["property"], _value(place)) for place in each["inputs"] + each["state"]]
        inputs, state = places[: len(each["inputs"])], places[len(each["inputs"]) :]
        outputs = [part.rpartition(".")[::2] for part in each["output"].strip(".").split("...")]
        named = [_place(id, name.partition("@")[0]) for id, name in outputs]
        body = {
            "output": each["output"],
            "outputs": named if each["output"].startswith("..") else named[0],
            "inputs": inputs,
            "state": state,
            "changedPropIds": [f"{place['id']}.{place['property']}" for place in each["inputs"][:1]],
        }
        found.append(Asked("POST", f"{page}_dash-update-component", body=body))
    return found


def _place(id: str, name: str, *value: Any) -> Any:
    """A property as a page names it: of a pattern one element that matches, in a list where all that match are meant."""
    place = {"id": id, "property": name, **({"value": value[0]} if value else {})}
    if not id.startswith("{"):
        return place
    parts = json.loads(id)
    element = {**place, "id": {key: 0 if isinstance(part, list) else part for key, part in parts.items()}}
    return [element] if ["ALL"] in parts.values() else element


def _value(place: dict[str, str]) -> Any:
    id, name = place["id"], place["property"]
    parts = {
        "placements-asked": {"checkpoint": SMALL, "edits": ["7~I_C2~d4"]},
        "notes-asked": {"checkpoint": SMALL, "edits": ["7~I_C2~d4"]},
        "knowledge-asked": {"checkpoint": SMALL, "edits": []},
        "model": {"checkpoint": SMALL, "edits": ["7~I_C2~d4"]},
        "ask": {"checkpoint": SMALL, "subject": 7, "relation": "I_C2"},
        "aim": {"target": "d4"},
        "url-in": f"?c={SMALL}&e=7~I_C2~d4",
        "reproduce-jobs-wanted": {"checkpoint": SMALL, "jobs": []},
        "checkpoint": SMALL,
    }
    if id in parts:
        return parts[id]
    if id.startswith("{"):
        return []
    return 1 if name in ("n_clicks", "n_intervals", "value") else None


class Damage:
    """What chance does to a request."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def __call__(self, asked: Asked) -> Asked:
        for _ in range(self.chance.choice((0, 1, 1, 1, 2, 3))):
            asked = self.chance.choice(
                (self.body, self.body, self.body, self.raw, self.path, self.query, self.header, self.method)
            )(asked)
        return asked

    def body(self, asked: Asked) -> Asked:
        if asked.body is None:
            return self.query(asked)
        return replace(asked, body=self._tree(json.loads(json.dumps(asked.body))))

    def _tree(self, value: Any) -> Any:
        """One place in it changed: replaced, left out, doubled or added to."""
        chance = self.chance
        if isinstance(value, dict) and value and chance.random() < 0.85:
            key = chance.choice(list(value))
            what = chance.random()
            if what < 0.1:
                del value[key]
            elif what < 0.2:
                value[str(chance.choice(HOSTILE))[:50]] = chance.choice(HOSTILE)
            else:
                value[key] = self._tree(value[key])
            return value
        if isinstance(value, list) and value and chance.random() < 0.85:
            i, what = chance.randrange(len(value)), chance.random()
            if what < 0.1:
                del value[i]
            elif what < 0.2:
                value += value[i : i + 1] * chance.choice((1, 70))
            else:
                value[i] = self._tree(value[i])
            return value
        return chance.choice(HOSTILE)

    def raw(self, asked: Asked) -> Asked:
        content, chance = bytearray(asked.content() or b"{}"), self.chance
        what = chance.randrange(5)
        if what == 0:
            del content[chance.randrange(len(content) + 1) :]
        elif what == 1:
            for _ in range(3):
                content[chance.randrange(len(content))] = chance.randrange(256)
        elif what == 2:
            content = bytearray(
                chance.choice((b"[" * 5000, b'{"a":' * 3000, b"NaN", b"\xff\xfe{}", b"1" * 6000, b'"\\ud800"', b"null"))
            )
        elif what == 3:
            content = bytearray(content.decode("latin-1").encode("utf-16"))
        else:
            content = content.replace(b"1", b"1e999").replace(b'"', b'"\\ud800', 1)
        return replace(asked, raw=bytes(content))

    def path(self, asked: Asked) -> Asked:
        parts = asked.path.split("/")
        parts[self.chance.randrange(1, len(parts))] = self.chance.choice(SEGMENTS)
        return replace(asked, path="/" + "/".join(parts).lstrip("/"))

    def query(self, asked: Asked) -> Asked:
        params = dict(asked.params)
        key = self.chance.choice([*params, "limit", "format", "c", "e", "x"])
        value = self.chance.choice(HOSTILE)
        return replace(
            asked, params={**params, key: value if isinstance(value, str | int | float) else json.dumps(value)}
        )

    def header(self, asked: Asked) -> Asked:
        return replace(asked, headers=(*asked.headers, self.chance.choice(HEADERS)))

    def method(self, asked: Asked) -> Asked:
        return replace(asked, method=self.chance.choice(METHODS))


@dataclass
class Found:
    """How often each status came, and the requests that got a 5xx or none."""

    statuses: Counter[int] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def fuzz(server: FastAPI, requests: int, seed: int, first: int = 0, verbose: bool = False) -> Found:
    transport = httpx.ASGITransport(app=server, raise_app_exceptions=False, client=("192.0.2.7", 1))
    found, start = Found(), time.perf_counter()
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=None) as http:
        known = await valid(http)
        for number in range(first, first + requests):
            chance = random.Random(f"{seed}/{number}")
            asked = Damage(chance)(chance.choice(known))
            status = await _send(http, asked)
            found.statuses[status] += 1
            if status >= 500 or status == 0 or verbose:
                said = f"{number}: {status} {asked.method} {asked.path[:120]} {str(asked.params)[:200]} {asked.headers} {(asked.content() or b'')[:1500]!r}"
                if status >= 500 or status == 0:
                    found.failed.append(said)
                print(said, file=sys.stderr, flush=True)
    found.seconds = time.perf_counter() - start
    return found


async def _send(http: httpx.AsyncClient, asked: Asked) -> int:
    """The status; 0 where no answer came in a minute."""
    content = asked.content()
    headers = [("content-type", "application/json")] if content and "content-type" not in dict(asked.headers) else []
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, *asked.headers]]
    params = {key: str(value).encode("utf-8", "surrogatepass").decode("latin-1") for key, value in asked.params.items()}
    try:
        url = httpx.URL(f"http://localhost{asked.path}", params=params)
        request = http.build_request(asked.method, url, headers=encoded, content=content)
    except (httpx.InvalidURL, ValueError):
        return 400  # no client can send it
    try:
        async with asyncio.timeout(60):
            return (await http.send(request)).status_code
    except TimeoutError:
        return 0


def build(state: Path, models: Path) -> FastAPI:
    """The server under test. It is never started: sweeps are planned and not run."""
    settings = load_settings(
        models_dir=models, state_dir=state, device="cpu", compute_seconds=4.0, request_seconds=50.0, cache_mb=32
    )
    server = create_app(settings)
    attach(server)
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first request")
    parser.add_argument("--verbose", action="store_true", help="print every request")
    chosen = parser.parse_args()
    logging.getLogger("shatterscope.app.kit.serving.asked").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        (models / SMALL).symlink_to(REPOSITORY / "models_cache" / SMALL)
        server = build(Path(folder) / "state", models)
        found = asyncio.run(fuzz(server, chosen.requests, chosen.seed, chosen.first, chosen.verbose))
        server.state.laboratory.close()
    told = ", ".join(f"{status}: {count}" for status, count in sorted(found.statuses.items()))
    print(f"{found.statuses.total()} requests in {found.seconds:.0f} s ({told})")
    print(f"{len(found.failed)} answered 5xx, or not at all")
    sys.exit(bool(found.failed))


if __name__ == "__main__":
    main()
