"""Where one fact can be written: each place is the edit made there by itself, and what cannot be done says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import PlaceError, complete_spec
from shatterscope.backend.placements import WritePlace, last_step, place_of, placed, places
from shatterscope.backend.settings import load_settings

SMALL = "rings-small"
SHORT = {"steps": 8, "n_contexts": 2}
EDIT: dict[str, Any] = {"subject": 3, "relation": "II_C1", "distance": 6, "parameters": SHORT}
FEW = {"queries": 20, "contexts": 2}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[FastAPI]:
    """One for all: what the unedited model answers is asked once."""
    app = create_app(load_settings(models_dir=models_dir, state_dir=tmp_path_factory.mktemp("state"), device="cpu"))
    yield app
    app.state.laboratory.close()


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def laboratory(app: FastAPI) -> Laboratory:
    found: Laboratory = app.state.laboratory
    return found


def ask(client: TestClient, *edits: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"checkpoint": SMALL, "edits": list(edits), **FEW, **more}
    response = client.post("evaluations/placements", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def by_place(found: dict[str, Any]) -> dict[tuple[int, str], dict[str, Any]]:
    return {(each["layer"], each["token"]): each for each in found["placements"]}


@pytest.mark.parametrize("method", ["rome", "memit", "grace"])
def test_each_place_is_the_edit_made_there_by_itself(client: TestClient, method: str) -> None:
    edit = {**EDIT, "method": method, "strength": 0.9}
    found = by_place(ask(client, {**EDIT, "subject": 9}, edit))
    assert list(found) == [(0, "relation"), (0, "subject"), (1, "relation"), (1, "subject")]
    for (layer, token), place in found.items():
        at = {
            **edit,
            "layer": layer,
            "parameters": {**edit["parameters"], **({"token": token} if method != "grace" else {})},
        }
        alone = client.post("edits", json={"checkpoint": SMALL, "edits": [{**EDIT, "subject": 9}, at]})
        assert place["own"] == ((layer, token) == (0, "relation"))
        if place["made"] is None:
            assert (token, layer == 1 or method == "grace") == ("subject", True)
            continue
        made, outcome = place["made"], alone.json()["edits"][-1]
        assert made["edit"] == alone.json()["id"]
        assert (made["success"], made["prediction"]) == (outcome["success"], outcome["prediction_after"])
        assert (made["probability"], made["steps"]) == (outcome["probability_after"], outcome["steps"])
        assert made["ended"] == outcome["course"]["ended"]
        assert (made["rank"] == 1) == made["success"]
        evaluation = client.post("evaluations", json={"checkpoint": SMALL, "edit": made["edit"], **FEW}).json()
        parts = ("edit", "retain", "test")
        assert {part: made["shattering"][part] for part in parts} == {
            part: evaluation["shattering"][part] for part in parts
        }
        direct = {each["sub_graph"]: each["accuracy"] for each in evaluation["scores"] if each["task"] == "direct"}
        for part in parts:
            assert made["recall"][part] == pytest.approx(direct[part], abs=1e-9)
        mean = sum(each["change"] for each in direct.values()) / 3
        assert made["recall"]["all"]["change"] == pytest.approx(mean)


def test_at_strength_0_it_is_written_nowhere_and_nothing_changes(client: TestClient) -> None:
    found = ask(client, {**EDIT, "strength": 0})
    made = [place["made"] for place in found["placements"] if place["made"]]
    assert len(made) == 3
    for each in made:
        assert not each["success"]
        assert (each["ended"], each["steps"]) == (None, 0)
        assert {each["shattering"][part] for part in ("edit", "retain", "test")} == {0}
        assert {each["recall"][part]["change"] for part in ("all", "edit", "retain", "test")} == {0}
    assert (found["n_queries"], found["n_contexts"], found["facts"], found["before"]) == (60, 2, 1, 0)


def test_what_cannot_be_done_says_why_in_the_methods_words(client: TestClient) -> None:
    found = by_place(ask(client, EDIT))
    alone = client.post(
        "edits", json={"checkpoint": SMALL, "edits": [{**EDIT, "layer": 1, "parameters": {"token": "subject"}}]}
    )
    assert alone.json()["errors"][0]["message"] == found[1, "subject"]["refused"]
    grace = by_place(ask(client, {**EDIT, "method": "grace"}))
    for layer in (0, 1):
        assert "relation's token alone" in grace[layer, "subject"]["refused"]
        assert grace[layer, "relation"]["made"] is not None


def test_the_fact_is_asked_about_also_where_its_own_place_is_refused(client: TestClient) -> None:
    """Its preset names the token, which only the strip's own token replaces; the rest of the preset stays."""
    edit = {**EDIT, "preset": "reference", "layer": 1, "parameters": {"steps": 3, "n_contexts": 2}}
    found = ask(client, edit)
    assert found["spec"]["layer"] == 1
    assert found["spec"]["parameters"]["token"] == "subject"
    place = by_place(found)[1, "relation"]
    own = {**edit, "parameters": {"steps": 3, "n_contexts": 2, "token": "relation"}}
    assert place["made"]["edit"] == client.post("edits", json={"checkpoint": SMALL, "edits": [own]}).json()["id"]
    assert by_place(found)[1, "subject"]["own"]
    assert by_place(found)[1, "subject"]["made"] is None


def test_a_batch_is_written_elsewhere_as_a_whole(client: TestClient) -> None:
    batch = [{**EDIT, "method": "memit", "subject": subject, "batch": True} for subject in (20, 40)]
    absent = {**EDIT, "subject": 60, "strength": 0}
    found = ask(client, EDIT, *batch, absent)
    assert (found["facts"], found["before"]) == (2, 1)
    assert found["spec"]["subject"] == 40
    made = by_place(found)[1, "relation"]["made"]
    specs = [each["spec"] for each in client.get(f"edits/{made['edit']}").json()["edits"]]
    assert [each["layer"] for each in specs] == [0, 1, 1, 0]
    assert made["success"] == (made["taken"] == 2)


def test_a_place_that_was_computed_is_answered_from_the_cache_and_finds_its_evaluation_begun(
    client: TestClient, laboratory: Laboratory
) -> None:
    found = ask(client, EDIT)
    computed = laboratory.cache.statistics.computed
    made = by_place(found)[0, "subject"]["made"]
    at = {**EDIT, "layer": 0, "parameters": {**SHORT, "token": "subject"}}
    assert client.post("edits", json={"checkpoint": SMALL, "edits": [at]}).json()["id"] == made["edit"]
    again = ask(client, at)
    assert laboratory.cache.statistics.computed == computed
    assert by_place(again)[0, "subject"]["own"]
    assert ask(client, edits=None, edit=made["edit"])["placements"] == again["placements"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"checkpoint": "other"}, "body.checkpoint"),
        ({"edit": "0" * 32}, "body.edits"),
        ({"edits": None}, "body.edits"),
        ({"edits": []}, "body.edits"),
        ({"edits": [{**EDIT, "layer": 2}]}, "body.edits.0.layer"),
        ({"edits": [{**EDIT, "parameters": {"token": "object"}}]}, "body.edits.0.parameters.token"),
        ({"edits": [{**EDIT, "method": "grace", "parameters": {"token": "subject"}}]}, "body.edits.0.parameters.token"),
        ({"edits": [{**EDIT, "distance": 0}]}, "body.edits.0.object"),
        ({"edits": [{**EDIT, "layer": 1, "preset": "reference"}, EDIT]}, "body.edits.0.parameters.token"),
        ({"edits": [{**EDIT, "distance": 0}, EDIT]}, "body.edits.0.object"),
        ({"edits": [{**EDIT, "parameters": {"steps": 1000, "n_contexts": 128}}] * 2}, "body.edits"),
        ({"queries": 0}, "body.queries"),
        ({"where": 1}, "body.where"),
    ],
)
def test_bad_input_names_the_field(client: TestClient, body: dict[str, Any], field: str) -> None:
    response = client.post("evaluations/placements", json={"checkpoint": SMALL, "edits": [EDIT], **FEW, **body})
    assert response.status_code == 422, response.text
    fields = [error["field"] for error in response.json()["errors"]]
    assert any(each.startswith(field) for each in fields), response.text


def test_an_edit_that_was_never_made_is_not_found(client: TestClient) -> None:
    response = client.post("evaluations/placements", json={"checkpoint": SMALL, "edit": "0" * 32})
    assert response.status_code == 404


def test_there_is_a_place_for_every_layer_and_token(checkpoint: Checkpoint) -> None:
    assert len(places(12)) == 24
    spec = complete_spec(checkpoint.world, 12, **{**EDIT, "layer": 4})
    assert place_of(spec) == WritePlace(4, "relation")
    (moved,) = placed([spec], WritePlace(10, "subject"), 12)
    assert place_of(moved) == WritePlace(10, "subject")
    assert {**moved.parameters, "token": "relation"} == spec.parameters
    assert placed([moved], WritePlace(4, "relation"), 12) == [spec]
    with pytest.raises(PlaceError, match="layer 11, the last"):
        placed([spec], WritePlace(11, "subject"), 12)
    absent = complete_spec(checkpoint.world, 12, **{**EDIT, "strength": 0})
    assert last_step([spec, absent]) == [0]
    assert last_step([absent, absent]) == [1]
