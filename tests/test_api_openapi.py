"""The API against its own OpenAPI document: whatever is sent, the answer is one that the document describes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

SMALL = "rings-small"


@pytest.fixture(scope="module")
def known(shared_address: str) -> dict[str, str]:
    """Ids that exist."""
    edit = {"subject": 1, "relation": "I_C1", "distance": 3, "parameters": {"steps": 2}}
    body = {"checkpoint": SMALL, "edits": [edit]}
    made = httpx.post(f"{shared_address}/api/v1/edits", json=body, timeout=60).json()
    view = httpx.post(f"{shared_address}/api/v1/views", json={"state": {"path": "/", "query": "?q=1~I_C1"}}).json()
    return {"id": made["id"], "checkpoint": SMALL, "view": view["id"]}


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = settings(max_examples=10, suppress_health_check=list(HealthCheck))
ROUTES = [
    ("GET", "/health"),
    ("GET", "/checkpoints"),
    ("GET", "/checkpoints/{id}/facts"),
    ("GET", "/checkpoints/{id}/knowledge"),
    ("GET", "/checkpoints/{id}/world"),
    ("GET", "/checkpoints/{id}/errors"),
    ("GET", "/checkpoints/{id}/targets"),
    ("GET", "/checkpoints/{id}/implied"),
    ("GET", "/checkpoints/{id}/world"),
    ("GET", "/editors"),
    ("POST", "/edits"),
    ("GET", "/oracles/method"),
    ("POST", "/oracles"),
    ("DELETE", "/oracles/{id}"),
    ("GET", "/oracles"),
    ("GET", "/oracles/{id}"),
    ("GET", "/edits/{id}"),
    ("GET", "/edits/{id}/delta"),
    ("GET", "/edits/{id}/weights"),
    ("POST", "/activations"),
    ("POST", "/projections"),
    ("POST", "/projections/strengths"),
    ("GET", "/projections/{id}"),
    ("POST", "/verdicts"),
    ("POST", "/predictions"),
    ("POST", "/evaluations"),
    ("POST", "/evaluations/sites"),
    ("POST", "/evaluations/placements"),
    ("POST", "/evaluations/notes"),
    ("POST", "/in-context"),
    ("POST", "/sweeps"),
    ("GET", "/sweeps/{id}/rows"),
    ("GET", "/sweeps/{id}/report"),
    ("GET", "/checkpoints/{id}/reproduction"),
    ("GET", "/checkpoints/{id}/reproduction/rows"),
    ("GET", "/checkpoints/{id}/league"),
    ("POST", "/tracings"),
    ("POST", "/keys-values"),
    ("POST", "/rings"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{id}"),
    ("POST", "/jobs/{id}/pause"),
    ("POST", "/jobs/{id}/resume"),
    ("DELETE", "/jobs/{id}"),
    ("GET", "/jobs/{id}/events"),  # as for rooms
    ("GET", "/lessons"),
    ("GET", "/lessons/{id}"),
    ("POST", "/rooms"),
    ("GET", "/rooms/{id}"),
    ("DELETE", "/rooms/{id}"),
    ("GET", "/rooms/{id}/qr.svg"),
    ("POST", "/rooms/{id}/answers"),
    ("POST", "/rooms/{id}/handover"),
    ("POST", "/rooms/{id}/presenter"),
    ("PUT", "/rooms/{id}/state"),
    ("POST", "/views"),
    ("GET", "/views"),
    ("GET", "/views/{id}"),
    ("DELETE", "/views/{id}"),
    ("GET", "/qr"),
    ("POST", "/exports"),
    ("GET", "/rooms/{id}/events"),  # with rooms that are not there: a stream would not end
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_answer_is_as_documented(shared_address: str, known: dict[str, str], method: str, path: str) -> None:
    schema = schemathesis.openapi.from_url(f"{shared_address}/api/v1/openapi.json")

    @EXAMPLES
    @given(schema[path][method].as_strategy(), st.booleans())
    def check(case: Any, aim: bool) -> None:
        if aim:  # at what exists, else hardly anything but 404 and 422 would be seen
            if "id" in case.path_parameters:
                of = "checkpoint" if "checkpoints" in path else "view" if "views" in path else "id"
                case.path_parameters["id"] = known[of]
            if isinstance(case.body, dict):
                names = {"checkpoint": known["checkpoint"], "relation": "I_C1", "edit": known["id"], "site": None}
                case.body.update({name: value for name, value in names.items() if name in case.body})
                if "queries" in case.body:
                    case.body["queries"] = 10  # answering very many or all of them is right, and slow
                if path == "/oracles":
                    case.body["parameters"] = {"steps": 1, "batch": 2}
                if path == "/sweeps":
                    case.body.update(
                        methods=["rome"], distances=[1], edits_per_cell=1, sequence=None
                    )  # it is really run
        case.call_and_validate(checks=CHECKS, timeout=60)

    check()


def test_the_document_lists_every_route_and_no_framework_error(client: TestClient) -> None:
    document = client.get("openapi.json").json()
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert listed == set(ROUTES)
    assert document["servers"] == [{"url": "/api/v1"}]
    assert "HTTPValidationError" not in client.get("openapi.json").text
    for path in document["paths"].values():
        for operation in path.values():
            problem = operation["responses"]["422"]["content"]["application/problem+json"]["schema"]
            assert problem == {"$ref": "#/components/schemas/Problem"}


def test_the_documentation_needs_no_network(client: TestClient) -> None:
    page = client.get("docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("<!doctype html>", "").replace("http-equiv", "")
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f"docs-assets/{asset}" in page.text
        assert client.get(f"docs-assets/{asset}").status_code == 200
