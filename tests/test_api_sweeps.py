"""Sweeps over HTTP: jobs, their events and rows; a server that is killed and started again."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from test_sweeps import alive, children, hasty, wait_until

from shatterscope.backend.api import create_app
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.settings import Settings, load_settings
from shatterscope.backend.store import Jobs
from shatterscope.wire.sweeps import JobInfo, SweepRow

SMALL = "rings-small"
BODY = {
    "checkpoint": SMALL,
    "methods": ["rome"],
    "distances": [1, 7],
    "corrective": False,
    "edits_per_cell": 6,
    "contexts": 1,
    "queries": 10,
}
LONG = {**BODY, "edits_per_cell": 400}


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SHATTERSCOPE_SWEEP_WORKERS", "1")
    return load_settings()


def job(client: TestClient | httpx.Client, id: str) -> dict[str, Any]:
    found = client.get(f"jobs/{id}").json()
    JobInfo.model_validate(found)
    return dict(found)


def wait_for(client: TestClient | httpx.Client, id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 240
    while not condition(found := job(client, id)):
        assert time.monotonic() < deadline, f"it did not happen in time: {found}"
        time.sleep(0.05)
    return found


def events(client: TestClient, id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    with client.stream("GET", f"jobs/{id}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_a_sweep_from_the_request_to_its_rows(client: TestClient) -> None:
    response = client.post("sweeps", json=BODY)
    assert response.status_code == 202
    started = response.json()
    assert (started["kind"], started["done"], started["total"]) == ("sweep", 0, 12)
    assert started["status"] in ("queued", "running")

    seen = list(events(client, started["id"]))
    assert [name for name, _ in seen[-2:]] == ["progress", "end"]
    assert {name for name, _ in seen[:-1]} == {"progress"}
    assert [info["done"] for _, info in seen] == sorted(info["done"] for _, info in seen)
    assert seen[-1][1]["status"] == "done"
    assert seen[-1][1]["done"] == 12

    rows = [SweepRow.model_validate(row) for row in client.get(f"sweeps/{started['id']}/rows").json()]
    assert [row.index for row in rows] == list(range(12))
    opened = client.get(f"edits/{rows[0].edit}")
    assert opened.status_code == 200
    mine, theirs = rows[0].outcomes[0], opened.json()["edits"][0]
    assert theirs["spec"] == mine.spec.model_dump(mode="json")
    assert theirs["probability_after"] == pytest.approx(mine.probability_after, abs=1e-3)

    answer = client.get(f"sweeps/{started['id']}/rows", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(lines) == 12
    assert "edits" not in lines[0], "there is one, and it has columns of its own"
    assert float(lines[3]["R.edit"]) == rows[3].shattering.edit.value  # type: ignore[union-attr]
    assert json.loads(lines[3]["parameters"]) == rows[3].outcomes[0].spec.parameters
    assert [lines[3][f"sub_graph.{order}"] for order in ("I", "II", "III")] == [
        next(score.sub_graph for score in rows[3].scores if score.order == order) for order in ("I", "II", "III")
    ]
    asked = {name: int(value) for name, value in lines[3].items() if name.startswith("queries.")}
    assert asked == {f"queries.{score.task}.{score.order}": score.n_queries for score in rows[3].scores}
    assert {"accuracy.logical.II.after", "probability_after", "version.torch", "checkpoint_sha256"} <= set(lines[0])

    assert [each["id"] for each in client.get("jobs").json()] == [started["id"]]
    assert client.delete(f"jobs/{started['id']}").json()["status"] == "done"
    assert client.post(f"jobs/{started['id']}/pause").status_code == 409
    assert client.post(f"jobs/{started['id']}/resume").json()["status"] == "done"


def test_pause_resume_cancel(client: TestClient) -> None:
    id = client.post("sweeps", json=LONG).json()["id"]
    waiting = client.post("sweeps", json=BODY).json()["id"]
    wait_for(client, id, lambda info: info["done"] > 0)
    running = job(client, id)
    assert running["status"] == "running"
    assert job(client, waiting)["status"] == "queued"

    client.post(f"jobs/{id}/pause")
    kept = wait_for(client, id, lambda info: info["status"] != "running")
    assert kept["status"] == "paused"
    assert (kept["rate"], kept["eta"]) == (None, None)
    assert client.post(f"jobs/{id}/pause").json()["status"] == "paused"  # again is no harm
    wait_for(client, waiting, lambda info: info["status"] == "done")  # its turn has come
    assert job(client, id)["done"] == kept["done"]

    assert client.post(f"jobs/{id}/resume").json()["status"] in ("queued", "running")
    wait_for(client, id, lambda info: info["done"] > kept["done"])
    client.delete(f"jobs/{id}")
    cancelled = wait_for(client, id, lambda info: info["status"] != "running")
    assert cancelled["status"] == "cancelled"
    assert len(client.get(f"sweeps/{id}/rows").json()) == cancelled["done"] > 0
    assert client.post(f"jobs/{id}/pause").status_code == 409
    assert [name for name, _ in events(client, id)] == ["progress", "end"]


def test_a_job_that_waits_can_be_paused_and_cancelled(client: TestClient) -> None:
    first = client.post("sweeps", json=LONG).json()["id"]
    second = client.post("sweeps", json=BODY).json()["id"]
    assert client.post(f"jobs/{second}/pause").json()["status"] == "paused"
    assert client.delete(f"jobs/{second}").json()["status"] == "cancelled"
    client.delete(f"jobs/{first}")
    wait_for(client, first, lambda info: info["status"] == "cancelled")


def test_a_change_of_mind_counts_in_every_state(client: TestClient) -> None:
    """The last word is what happens, also where the job had no time to follow the one before."""
    id = client.post("sweeps", json=LONG).json()["id"]
    wait_for(client, id, lambda info: info["done"] > 0)
    desk = client.app.state.jobs  # type: ignore[attr-defined]
    stored = desk.jobs.get(id)
    assert desk.jobs.want(stored, "paused")  # asked for, and not yet seen by who runs it
    client.post(f"jobs/{id}/resume")
    done = wait_for(client, id, lambda info: info["status"] == "running")["done"]
    wait_for(client, id, lambda info: info["done"] > done)
    client.delete(f"jobs/{id}")
    wait_for(client, id, lambda info: info["status"] == "cancelled")
    assert client.delete(f"jobs/{id}").json()["status"] == "cancelled"  # again is no harm
    kept = job(client, id)["done"]
    assert client.post(f"jobs/{id}/resume").json()["status"] in ("queued", "running")
    wait_for(client, id, lambda info: info["done"] > kept)  # so a worker is at it
    for pid in children(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    failed = wait_for(client, id, lambda info: info["status"] == "failed")
    assert "resume this job" in failed["error"]
    assert client.post(f"jobs/{id}/pause").status_code == 409
    assert len(client.get(f"sweeps/{id}/rows").json()) == failed["done"]
    assert client.delete(f"jobs/{id}").json()["status"] == "cancelled"


def test_too_many_cells_are_refused_with_their_count(client: TestClient) -> None:
    response = client.post("sweeps", json={**BODY, "methods": ["rome", "memit"], "edits_per_cell": 30_000})
    assert response.status_code == 422
    assert "120000 edits" in response.json()["detail"]
    assert response.json()["errors"][0]["field"] == "body.edits_per_cell"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"checkpoint": "nowhere"}, "body.checkpoint"),
        ({"methods": []}, "body.methods"),
        ({"methods": ["rome", "magic"]}, "body.methods.1.name"),
        ({"methods": [{"name": "rome", "preset": "none"}]}, "body.methods.0.preset"),
        ({"methods": [{"name": "rome", "parameters": {"steps": -1}}]}, "body.methods.0.parameters.steps"),
        ({"methods": [{"name": "rome", "layer": 7}]}, "body.methods.0.layer"),
        ({"distances": [1, 0]}, "body.distances.1"),
        ({"distances": [3, 3]}, "body"),
        ({"distances": []}, "body"),
        ({"edits_per_cell": 0}, "body.edits_per_cell"),
        ({"edits_per_cell": 1500, "sequence": {"every": 10}}, "body"),
        ({"edits_per_cell": 9000}, "body.edits_per_cell"),
        ({"sequence": {"every": 0}}, "body.sequence.every"),
        ({"seed": -1}, "body.seed"),
        ({"colour": "red"}, "body.colour"),
    ],
)
def test_bad_requests_name_the_field(client: TestClient, change: dict[str, Any], field: str) -> None:
    response = client.post("sweeps", json={**BODY, **change})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field
    assert client.get("jobs").json() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "jobs/none"),
        ("DELETE", "jobs/none"),
        ("POST", "jobs/none/pause"),
        ("POST", "jobs/none/resume"),
        ("GET", "jobs/none/events"),
        ("GET", "sweeps/none/rows"),
    ],
)
def test_unknown_jobs_are_404(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert "none" in response.json()["detail"]


def test_more_jobs_than_can_wait_are_429(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"queue_limit": 1}))
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        ids = [client.post("sweeps", json=LONG).json()["id"] for _ in range(2)]
        refused = client.post("sweeps", json=LONG)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        for id in ids:
            client.delete(f"jobs/{id}")


def test_a_server_that_stops_leaves_no_worker_and_the_next_one_goes_on(settings: Settings) -> None:
    with TestClient(create_app(settings), base_url="http://testserver/api/v1/") as client:
        id = client.post("sweeps", json={**BODY, "edits_per_cell": 15}).json()["id"]
        wait_for(client, id, lambda info: info["done"] > 0)
        workers = children(os.getpid())
        assert workers
    assert not any(map(alive, workers))
    with TestClient(create_app(settings), base_url="http://testserver/api/v1/") as client:
        wait_for(client, id, lambda info: info["status"] == "done")
        assert [row["index"] for row in client.get(f"sweeps/{id}/rows").json()] == list(range(30))


def test_what_the_store_cannot_be_told_is_told_from_here(settings: Settings) -> None:
    with TestClient(create_app(hasty(settings)), base_url="http://testserver/api/v1/") as client:
        id = client.post("sweeps", json={**BODY, "edits_per_cell": 200}).json()["id"]
        wait_for(client, id, lambda info: info["done"] > 0)
        lock = sqlite3.connect(settings.state_dir / "shatterscope.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        failed = wait_for(client, id, lambda info: info["status"] == "failed")
        assert "locked" in failed["error"]
        assert client.post(f"jobs/{id}/resume").status_code == 503
        assert len(client.get(f"sweeps/{id}/rows").json()) == failed["done"]
        lock.execute("ROLLBACK")
        lock.close()
        client.post(f"jobs/{id}/resume")
        wait_for(client, id, lambda info: info["done"] > failed["done"])
        client.delete(f"jobs/{id}")
        assert wait_for(client, id, lambda info: info["status"] == "cancelled")["error"] is None


# --- kill -9 ---------------------------------------------------------------------------------------------------------


SERVE = """
import sys, uvicorn
from shatterscope.backend.api import create_app
from shatterscope.backend.settings import load_settings
uvicorn.run(create_app(load_settings()), port=int(sys.argv[1]), log_level="critical")
"""


def serve(port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen([sys.executable, "-c", SERVE, str(port)], stdout=output, stderr=output)


def test_a_killed_server_takes_its_workers_along_and_the_next_one_goes_on(
    settings: Settings, tmp_path: Path, laboratory: Laboratory
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def healthy() -> bool:
        try:
            return client.get("health").status_code == 200
        except httpx.TransportError:
            return False

    server = serve(port, tmp_path / "log")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1/", timeout=60) as client:
        try:
            wait_until(healthy)
            id = client.post("sweeps", json={**BODY, "edits_per_cell": 15}).json()["id"]
            wait_for(client, id, lambda info: info["done"] > 2)
            workers = children(server.pid)
            server.send_signal(signal.SIGKILL)
            server.wait()
            assert workers
            wait_until(lambda: not any(map(alive, workers)))
            jobs = Jobs(laboratory.store)
            (interrupted,) = jobs.all()
            assert interrupted.status == "running"  # nobody was left to say otherwise
            kept = jobs.pace(interrupted).done
            assert 2 < kept < 30

            server = serve(port, tmp_path / "log")
            wait_until(healthy)
            wait_for(client, id, lambda info: info["status"] == "done")
            assert [row["index"] for row in client.get(f"sweeps/{id}/rows").json()] == list(range(30))
        finally:
            server.kill()
            server.wait()
