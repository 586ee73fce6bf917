"""Oracles over HTTP: trained once, told of, shown by every endpoint of edits, kept over a restart; cancelled, and nothing is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.settings import Settings

SMALL = "rings-small"
FACT = {"checkpoint": SMALL, "subject": 7, "relation": "I_C1", "distance": 3}
SHORT = {**FACT, "parameters": {"steps": 3, "batch": 16}}
LONG = {**FACT, "parameters": {"steps": 5000}}


def wait_for(client: TestClient, id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while not condition(found := client.get(f"/api/v1/oracles/{id}").json()):
        assert time.monotonic() < deadline, f"it did not happen in time: {found}"
        time.sleep(0.05)
    return dict(found)


def done(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    job = client.post("/api/v1/oracles", json=body)
    assert job.status_code == 202, job.text
    found = wait_for(client, job.json()["id"], lambda found: found["status"] in ("done", "failed"))
    assert found["status"] == "done", found["error"]
    return found


def test_both_models_are_shown_as_edits_are_and_outlive_a_restart(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        job = done(client, SHORT)
        assert job["done"] == job["total"] == 6
        for id, fact in ((job["learned"], True), (job["control"], False)):
            edit = client.get(f"/api/v1/edits/{id}").json()
            assert edit["edits"][0]["spec"]["method"] == "oracle"
            assert edit["edits"][0]["spec"]["parameters"]["fact"] is fact
            seen = {"checkpoint": SMALL, "edit": id}
            assert client.post("/api/v1/evaluations", json=seen).json()["shattering"]["edit"] > 0
            for path in ("projections", "verdicts"):
                assert client.post(f"/api/v1/{path}", json={**seen, "relation": "I_C1"}).status_code == 200
    with TestClient(create_app(settings)) as client:  # by the id alone, without training again
        assert client.get(f"/api/v1/oracles/{job['id']}").json()["status"] == "done"
        assert client.get(f"/api/v1/edits/{job['id']}").json()["id"] == job["id"]
        assert done(client, SHORT) == job


def test_an_oracle_cancelled_half_way_leaves_nothing(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        job = client.post("/api/v1/oracles", json=LONG).json()
        running = wait_for(client, job["id"], lambda found: found["done"] > 0 and found["probability"] is not None)
        assert running["status"] == "running"
        assert 0 <= running["probability"] <= 1
        assert [each["id"] for each in client.get("/api/v1/oracles").json()] == [job["id"]]
        headers = {"Authorization": f"Bearer {job['token']}"}
        assert client.delete(f"/api/v1/oracles/{job['id']}", headers=headers).json()["status"] == "cancelled"
        assert client.get(f"/api/v1/oracles/{job['id']}").status_code == 404
        assert client.get("/api/v1/oracles").json() == []
    assert list((settings.state_dir / "oracles").glob("*")) == []


def test_who_shares_a_training_ends_it_for_nobody_else(app: FastAPI) -> None:
    with TestClient(app) as client:
        first, second = (client.post("/api/v1/oracles", json=LONG).json() for _ in range(2))
        assert first["id"] == second["id"]
        path = f"/api/v1/oracles/{first['id']}"
        assert client.delete(path).status_code == 401
        assert client.delete(path, headers={"Authorization": "Bearer other"}).status_code == 403
        by_first, by_second = ({"Authorization": f"Bearer {each['token']}"} for each in (first, second))
        assert client.delete(path, headers=by_first).json()["status"] in ("queued", "running")
        assert client.delete(path, headers=by_second).json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subject": 99_999}, "body.subject"),
        ({"relation": "IX_C1"}, "body.relation"),
        ({"parameters": {"steps": -1}}, "body.parameters.steps"),
        ({"parameters": {"fact": False}}, "body.parameters.fact"),
        ({"parameters": {"rate": 1}}, "body.parameters.rate"),
        ({"object": 3}, "body"),
    ],
)
def test_bad_input_is_refused_by_field(app: FastAPI, changed: dict[str, Any], field: str) -> None:
    with TestClient(app) as client:
        answer = client.post("/api/v1/oracles", json={**SHORT, **changed})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


def test_what_fails_says_why_and_can_be_asked_for_again(app: FastAPI) -> None:
    with TestClient(app) as client:
        facts = ({"subject": x, "relation": "I_C1"} for x in range(256))
        answers = ((fact, client.get(f"/api/v1/checkpoints/{SMALL}/facts", params=fact).json()) for fact in facts)
        known = next(fact for fact, found in answers if found["prediction"] == found["object"])
        for _ in range(2):
            job = client.post("/api/v1/oracles", json={**SHORT, **known, "distance": 0}).json()
            found = wait_for(client, job["id"], lambda found: found["status"] == "failed")
            assert "already true" in found["error"]


def test_an_oracle_stands_in_no_stack(app: FastAPI) -> None:
    with TestClient(app) as client:
        oracle = {"subject": 7, "relation": "I_C1", "distance": 3, "method": "oracle", "parameters": {"steps": 0}}
        answer = client.post("/api/v1/edits", json={"checkpoint": SMALL, "edits": [oracle, {**oracle, "subject": 8}]})
        assert answer.status_code == 422
        assert "stands in no stack" in answer.json()["detail"]
