"""Edits over HTTP: what they say, their permanence, and that they are computed once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import Any

import httpx
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import LATER
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.models import Transformer
from shatterscope.backend.settings import Settings

SMALL = "rings-small"


def order(distance: int = 4, **more: Any) -> dict[str, Any]:
    edit = {"subject": 7, "relation": "II_A1", "distance": distance, "parameters": {"steps": 20}, **more}
    return {"checkpoint": SMALL, "edits": [edit]}


def make(client: TestClient, body: dict[str, Any] | None = None) -> dict[str, Any]:
    response = client.post("edits", json=body or order())
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def test_an_edit_answers_with_its_complete_specification(client: TestClient, checkpoint: Checkpoint) -> None:
    result = make(client)
    outcome = result["edits"][0]
    relation = checkpoint.world.relation("II_A1")
    assert outcome["old_object"] == checkpoint.world.object_of(7, relation)
    assert outcome["new_object"] == checkpoint.world.counterfactual(7, relation, 4)
    assert outcome["distance"] == 4
    assert outcome["kind"] == "counterfactual"
    spec = outcome["spec"]
    assert spec["object"] == outcome["new_object"]
    assert spec["distance"] is None
    assert spec["preset"] is None
    assert spec["parameters"]["steps"] == 20
    editor = client.get("editors").json()[0]
    assert spec["parameters"].keys() == editor["parameters"]["properties"].keys()
    again = make(client, {"checkpoint": SMALL, "edits": [spec]})
    assert again["id"] == result["id"]


def test_an_edit_that_did_not_take_says_how_its_optimisation_went(client: TestClient) -> None:
    held = {"parameters": {"token": "subject", "steps": 12, "clamp_norm_factor": 0.05}}
    result = make(client, order(distance=120, **held))
    (outcome,) = result["edits"]
    assert not outcome["success"]
    course = outcome["course"]
    assert course["step"] == list(range(outcome["steps"] + 1)) == list(range(12))
    assert {len(course[name]) for name in ("loss", "probability", "rank", "length")} == {12}
    assert course["ended"] == "steps"
    assert course["probability"][-1] < 0.5
    assert course["rank"][-1] > 1
    assert course["length"][-1] == max(course["length"]) == 0.05
    assert course["contexts"] == outcome["spec"]["parameters"]["n_contexts"]
    again = make(client, order(distance=120, **held, strength=0.5))
    assert again["edits"][0]["course"] == course
    ft = make(client, order(method="ft", parameters={"steps": 2}))["edits"][0]
    assert ft["course"]["length"] is None
    assert ft["course"]["step"] == [0, 1, 2]


def test_the_id_is_of_the_content(client: TestClient) -> None:
    by_distance = make(client)
    by_object = order()
    del by_object["edits"][0]["distance"]
    by_object["edits"][0]["object"] = by_distance["edits"][0]["new_object"]
    assert make(client, by_object)["id"] == by_distance["id"]
    assert make(client, order(3))["id"] != by_distance["id"]
    assert make(client, order(strength=0.5))["id"] != by_distance["id"]


def test_another_strength_optimises_nothing_anew(client: TestClient, laboratory: Laboratory) -> None:
    full = make(client)
    known = {key for key in laboratory.cache if key.startswith("delta/")}
    half = make(client, order(strength=0.5))
    assert {key for key in laboratory.cache if key.startswith("delta/")} == known
    assert half["edits"][0]["delta_norm"] == pytest.approx(full["edits"][0]["delta_norm"] / 2)


def test_a_stack_reuses_the_edits_below(client: TestClient, laboratory: Laboratory) -> None:
    body = order()
    make(client, body)
    body["edits"].append({"subject": 9, "relation": "I_C1", "distance": 2, "parameters": {"steps": 10}})
    stack = make(client, body)
    assert len(stack["edits"]) == 2
    assert sum(key.startswith("delta/") for key in laboratory.cache) == 2


async def test_fifty_who_ask_at_once_cause_one_computation(browser: httpx.AsyncClient, laboratory: Laboratory) -> None:
    answers = await asyncio.gather(*(browser.post("/edits", json=order()) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    statistics = laboratory.cache.statistics
    assert statistics.computed == 1
    assert statistics.joined + statistics.hits == 49
    assert laboratory.executor.pending == 0


def test_an_edit_survives_a_restart(settings: Settings) -> None:
    app = create_app(settings)
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        before = make(client, order(strength=0.5))
    app = create_app(settings)
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        assert app.state.laboratory.cache.statistics.computed == 0
        after = client.get(f"edits/{before['id']}").json()
        fact = client.get(
            f"checkpoints/{SMALL}/facts", params={"subject": 7, "relation": "II_A1", "edit": before["id"]}
        )
    assert after["edits"] == before["edits"]
    assert fact.json()["edit"] == before["id"]


def test_an_evicted_edit_is_computed_anew(client: TestClient, laboratory: Laboratory) -> None:
    result = make(client)
    laboratory.cache.clear()
    assert client.get(f"edits/{result['id']}").json()["edits"] == result["edits"]


def test_an_edit_made_on_other_weights_is_a_conflict(
    client: TestClient, laboratory: Laboratory, settings: Settings
) -> None:
    result = make(client)
    connection = sqlite3.connect(settings.state_dir / "shatterscope.db")
    with connection:
        connection.execute("UPDATE edits SET id = 'made-elsewhere'")
    connection.close()
    laboratory.cache.clear()
    assert client.get("edits/made-elsewhere").status_code == 409
    assert client.get(f"edits/{result['id']}").status_code == 404


def test_the_delta_is_what_the_edit_adds(client: TestClient, checkpoint: Checkpoint, tmp_path: Any) -> None:
    result = make(client, order(strength=0.5))
    response = client.get(f"edits/{result['id']}/delta")
    assert response.headers["content-disposition"] == f'attachment; filename="{result["id"]}.delta.safetensors"'
    tensors = load(response.content)
    assert tensors.keys() == {"blocks.0.mlp.down.weight"}
    delta = tensors["blocks.0.mlp.down.weight"]
    assert delta.shape == checkpoint.model.get_parameter("blocks.0.mlp.down.weight").shape
    assert delta.norm().item() == pytest.approx(result["edits"][0]["delta_norm"], rel=1e-5)
    (tmp_path / "delta").write_bytes(response.content)
    with safe_open(tmp_path / "delta", "pt") as file:
        metadata = file.metadata()
    assert metadata["weights_sha256"] == checkpoint.sha256
    assert json.loads(metadata["edits"])[0]["subject"] == 7


@pytest.mark.parametrize("method", ["rome", "grace"])
def test_the_edited_weights_load_as_the_checkpoints_do(
    client: TestClient, checkpoint: Checkpoint, laboratory: Laboratory, tmp_path: Any, method: str
) -> None:
    result = make(client, order(method=method, strength=0.5))
    response = client.get(f"edits/{result['id']}/weights")
    assert response.headers["content-disposition"] == f'attachment; filename="{result["id"]}.safetensors"'
    tensors = load(response.content)
    beside = {name: tensors.pop(name) for name in list(tensors) if ".codebook." in name}
    model = Transformer(checkpoint.model.config)
    model.load_state_dict(tensors)
    change = load(client.get(f"edits/{result['id']}/delta").content)
    for name, weight in checkpoint.model.state_dict().items():
        assert torch.allclose(tensors[name], weight + change.get(name, 0), atol=1e-6)
    (tmp_path / "weights").write_bytes(response.content)
    with safe_open(tmp_path / "weights", "pt") as file:
        metadata = file.metadata()
    assert (metadata["checkpoint"], metadata["weights_sha256"]) == (SMALL, checkpoint.sha256)
    specs = [outcome["spec"] for outcome in result["edits"]]
    kept = EDITORS[method].parameters.identifying
    assert json.loads(metadata["edits"]) == [
        {key: value for key, value in spec.items() if value or key not in LATER}
        | {"parameters": kept(spec["parameters"])}
        for spec in specs
    ]
    assert metadata["holds"].startswith("the complete edited weights")
    assert bool(beside) == (method == "grace") == ("codebook" in metadata["holds"])
    if beside:
        key, weight, bias = (
            beside["blocks.0.mlp.codebook.keys"][0],
            *(tensors[f"blocks.0.mlp.down.{name}"] for name in ("weight", "bias")),
        )
        edited = laboratory.cache.peek(f"edit/{result['id']}").edited.model
        answer = edited.get_submodule("blocks.0.mlp.down")(key)
        value, share = beside["blocks.0.mlp.codebook.values"][0], beside["blocks.0.mlp.codebook.strengths"][0]
        assert torch.allclose(answer, share * value + (1 - share) * (weight @ key + bias), atol=1e-5), "as `holds` says"


def test_what_an_id_names_never_changes_and_caches_may_know(client: TestClient) -> None:
    id = make(client)["id"]
    for path in (f"edits/{id}", f"edits/{id}/delta", f"edits/{id}/weights"):
        first = client.get(path)
        assert "immutable" in first.headers["cache-control"]
        second = client.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert second.status_code == 304
        assert second.content == b""
    assert client.get("edits/nothing", headers={"If-None-Match": '"nothing"'}).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": 100_000}, "body.edits.0.subject"),
        ({"subject": -1}, "body.edits.0.subject"),
        ({"relation": "IX_C1"}, "body.edits.0.relation"),
        ({"distance": 100_000}, "body.edits.0.distance"),
        ({"object": 5}, "body.edits.0"),
        ({"distance": None, "object": 100_000}, "body.edits.0.object"),
        ({"method": "magic"}, "body.edits.0.method"),
        ({"layer": 9}, "body.edits.0.layer"),
        ({"preset": "best"}, "body.edits.0.preset"),
        ({"strength": 9}, "body.edits.0.strength"),
        ({"parameters": {"steps": 0}}, "body.edits.0.parameters.steps"),
        ({"parameters": {"stepz": 1}}, "body.edits.0.parameters.stepz"),
        ({"parameters": {"token": "object"}}, "body.edits.0.parameters.token"),
        ({"parameters": {"token": "subject"}, "layer": 1}, "body.edits.0.parameters.token"),
        ({"preset": "reference", "layer": 1}, "body.edits.0.parameters.token"),
        ({"parameters": {"token": "subject"}, "method": "grace"}, "body.edits.0.parameters.token"),
        ({"colour": "red"}, "body.edits.0.colour"),
    ],
)
def test_bad_input_names_the_field(client: TestClient, change: dict[str, Any], field: str) -> None:
    response = client.post("edits", json=order(**change))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert [error["field"] for error in problem["errors"]] == [field]
    assert field in problem["detail"]


def test_a_batch_over_http(client: TestClient, laboratory: Laboratory) -> None:
    quick = {"method": "memit", "distance": 4, "batch": True, "parameters": {"steps": 10, "n_contexts": 2}}
    edits = [{"subject": subject, "relation": "II_A1", **quick} for subject in (7, 90)]
    result = make(client, {"checkpoint": SMALL, "edits": edits})
    assert [outcome["spec"]["batch"] for outcome in result["edits"]] == [True, True]
    assert result["edits"][0]["delta_norm"] == result["edits"][1]["delta_norm"] > 0
    assert sum(key.startswith("delta/") for key in laboratory.cache) == 1
    change = load(client.get(f"edits/{result['id']}/delta").content)["blocks.0.mlp.down.weight"]
    assert float(change.norm()) == pytest.approx(result["edits"][0]["delta_norm"], rel=1e-4)
    laboratory.cache.clear()
    assert client.get(f"edits/{result['id']}").json()["edits"] == result["edits"]
    edits[1]["strength"] = 0.5
    refused = client.post("edits", json={"checkpoint": SMALL, "edits": edits})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "body.edits.1.strength"
    refused = client.post("edits", json=order(batch=True))
    assert refused.json()["errors"][0]["field"] == "body.edits.0.batch"
    assert "memit" in refused.json()["detail"]


def test_methods_say_what_they_can(client: TestClient) -> None:
    editors = {editor["name"]: editor for editor in client.get("editors").json()}
    recent = ["emmet", "encore", "betaedit", "mose", "lyaplock", "ultraedit", "crispedit"]
    assert list(editors) == ["rome", "memit", "pmet", "alphaedit", *recent, "ft", "ft-l", "ft-m", "grace", "patch"]
    batches = [name for name, editor in editors.items() if editor["batches"]]
    assert batches == ["memit", "pmet", "alphaedit", *recent[:-1], "patch"]


def test_the_rank_of_the_null_space_is_returned(client: TestClient) -> None:
    found = make(client, order(method="alphaedit"))["edits"][0]["diagnostics"]
    assert 0 < found["null_space_rank.0"] < 96


def test_a_stack_has_at_most_64_edits(client: TestClient) -> None:
    edits = order()["edits"]
    response = client.post("edits", json={"checkpoint": SMALL, "edits": edits * 65})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "body.edits"
    assert client.post("edits", json={"checkpoint": SMALL, "edits": []}).status_code == 422


def test_an_unknown_checkpoint_or_edit_is_said(client: TestClient) -> None:
    response = client.post("edits", json={**order(), "checkpoint": "other"})
    assert response.status_code == 422
    assert SMALL in response.json()["detail"]
    assert client.get("edits/nothing").status_code == 404
    assert client.get("edits/nothing/delta").status_code == 404
    asked = client.post("activations", json={"checkpoint": SMALL, "edit": "nothing", "relation": "I_C1"})
    assert asked.status_code == 404


def test_a_store_that_cannot_be_written_is_a_problem_not_a_traceback(client: TestClient, settings: Settings) -> None:
    connection = sqlite3.connect(settings.state_dir / "shatterscope.db")
    with connection:
        connection.execute("DROP TABLE edits")
    connection.close()
    response = client.post("edits", json=order())
    assert response.status_code == 503
    assert "SHATTERSCOPE_STATE_DIR" in response.json()["detail"]
