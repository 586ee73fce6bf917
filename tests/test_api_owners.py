"""Jobs have owners: the token given at creation, or who sits at the server's machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shatterscope.backend.api import create_app
from shatterscope.backend.api.owners import NAME, Owners
from shatterscope.backend.settings import Settings

SWEEP = {"checkpoint": "rings-small", "methods": ["rome"], "distances": [1], "corrective": False, "edits_per_cell": 2}


def caller(app: FastAPI, address: str, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost/api/v1", headers=headers)


@pytest.mark.parametrize(("method", "path"), [("POST", "/pause"), ("POST", "/resume"), ("DELETE", "")])
async def test_a_job_is_steered_by_its_owner_and_at_the_machine(app: FastAPI, method: str, path: str) -> None:
    async with caller(app, "192.0.2.7") as there:
        job, other = [(await there.post("/sweeps", json=SWEEP)).json() for _ in range(2)]
        at = f"/jobs/{job['id']}{path}"
        assert (await there.request(method, at)).status_code == 401
        wrong = {"Authorization": f"Bearer {other['token']}"}
        assert (await there.request(method, at, headers=wrong)).status_code == 403
        assert (await there.request(method, f"/jobs/nothing{path}")).status_code == 404
        assert "token" not in (await there.get(f"/jobs/{job['id']}")).json()
        own = {"Authorization": f"Bearer {job['token']}"}
        assert (await there.request(method, at, headers=own)).status_code == 200
    async with caller(app, "127.0.0.1", **{"X-Forwarded-For": "127.0.0.1"}) as proxied:
        assert (await proxied.request(method, at)).status_code == 401
    async with caller(app, "127.0.0.1") as here:
        assert (await here.request(method, at)).status_code == 200


def test_tokens_outlive_a_restart_and_the_secret_is_nobody_elses(tmp_path: Path) -> None:
    token = Owners(tmp_path).token("a")
    assert Owners(tmp_path).token("a") == token != Owners(tmp_path).token("b")
    assert Owners(tmp_path / "other").token("a") != token
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0


def test_a_damaged_secret_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"short")
    assert Owners(tmp_path).token("a") != Owners(tmp_path).token("a")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (
            "/edits",
            {"edits": [{"subject": s, "relation": "I_C2", "distance": 9, "method": "ft"} for s in range(64)]},
            "edits",
        ),
        ("/sweeps", {**SWEEP, "methods": [{"name": "ft"}], "edits_per_cell": 40}, "methods"),
    ],
)
async def test_work_is_costed_before_it_starts(settings: Settings, path: str, body: dict[str, Any], field: str) -> None:
    for each in (*body.get("edits", ()), *(method for method in body.get("methods", ()))):
        each["parameters"] = {"steps": 1000, "n_contexts": 128}
    app = create_app(settings.model_copy(update={"sweep_limit": 100}))
    try:
        async with caller(app, "192.0.2.7") as there:
            answer = await there.post(path, json={"checkpoint": "rings-small", **body})
    finally:
        app.state.laboratory.close()
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == f"body.{field}"
    assert "steps x contexts" in answer.json()["detail"]
