"""Representations, pictures and scores over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from shatterscope.backend.activations import activations
from shatterscope.backend.api import measures
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.settings import Settings

SMALL = "rings-small"


def decode(array: dict[str, Any]) -> NDArray[np.float32]:
    assert array["dtype"] == "f4"
    return np.frombuffer(base64.b64decode(array["bdata"]), "<f4").reshape(array["shape"])


def post(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(path, json={"checkpoint": SMALL, **body})
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def an_edit(client: TestClient, strength: float = 1.0) -> str:
    edit = {"subject": 3, "relation": "I_C1", "distance": 6, "parameters": {"steps": 20}, "strength": strength}
    id: str = post(client, "edits", edits=[edit])["id"]
    return id


def test_activations_are_the_models_own(client: TestClient, checkpoint: Checkpoint) -> None:
    got = post(client, "activations", relation="II_C2", site="mlp_out.0")
    relation = checkpoint.world.relation("II_C2")
    expected = activations(checkpoint.model, checkpoint.world.n_entities, relation, "mlp_out.0").numpy()
    np.testing.assert_array_equal(decode(got["values"]), expected)
    default = post(client, "activations", relation="II_C2")
    assert default["site"] == client.get("checkpoints").json()[0]["model"]["default_site"]


def test_an_edit_moves_activations_behind_it_and_none_before(client: TestClient) -> None:
    edit = an_edit(client)
    for site, moved in (("attn_out.0", False), ("resid_mid.0", False), ("mlp_out.0", True), ("resid_post.1", True)):
        before = decode(post(client, "activations", relation="I_C1", site=site)["values"])
        after = decode(post(client, "activations", relation="I_C1", site=site, edit=edit)["values"])
        assert np.array_equal(before, after) is not moved


def test_without_an_edit_both_pictures_are_the_same(client: TestClient, checkpoint: Checkpoint) -> None:
    got = post(client, "projections", relation="III_A1")
    n = checkpoint.world.n_entities
    assert got["before"] == got["after"]
    assert got["diagnostics"]["before"] == got["diagnostics"]["after"]
    assert decode(got["before"]).shape == (n, 3)
    assert sorted(got["order_position"]) == list(range(n))
    assert got["order_position"] == checkpoint.world.places[2].tolist()


def test_a_projection_has_an_address_that_may_be_kept_for_ever(client: TestClient, laboratory: Laboratory) -> None:
    made = post(client, "projections", relation="I_C1", edit=an_edit(client))
    for encoding in ("gzip", "identity"):
        again = client.get(f"projections/{made['id']}", headers={"Accept-Encoding": encoding})
        assert again.json() == made
        assert "immutable" in again.headers["cache-control"]
    other = post(client, "projections", relation="I_C1")
    assert other["id"] != made["id"]
    laboratory.cache.clear()
    assert client.get(f"projections/{made['id']}").status_code == 404
    again = post(client, "projections", relation="I_C1")
    assert (again["id"], again["after"]) == (other["id"], other["after"])


@pytest.mark.parametrize("method", ["isomap", "pca"])
@pytest.mark.parametrize("align", ["none", "procrustes", "shared"])
def test_pictures_of_an_edit(client: TestClient, method: str, align: str) -> None:
    got = post(client, "projections", relation="I_C1", edit=an_edit(client), method=method, align=align, dimensions=2)
    assert decode(got["after"]).shape == decode(got["before"]).shape
    assert np.isfinite(decode(got["after"])).all()
    assert got["before"] != got["after"]
    neighbors = {got["diagnostics"][side]["n_neighbors"] for side in ("before", "after")}
    assert len(neighbors) == 1
    assert (neighbors == {None}) is (method == "pca")


def test_the_strength_slider_pays_for_the_edited_side_alone(client: TestClient, laboratory: Laboratory) -> None:
    first, second = an_edit(client), an_edit(client, strength=0.5)
    post(client, "projections", relation="I_C1", edit=first)
    post(client, "evaluations", edit=first, queries=20)
    computed, kept = laboratory.cache.statistics.computed, set(laboratory.cache)
    post(client, "projections", relation="I_C1", edit=second)
    post(client, "evaluations", edit=second, queries=20)
    assert laboratory.cache.statistics.computed == computed + 3
    new = set(laboratory.cache) - kept
    assert sorted(key.partition("/")[0] for key in new) == ["geometry", "projection", "recall"]


@pytest.mark.parametrize("warm_up", [True, False])
async def test_a_server_computes_ahead_what_the_first_click_needs(settings: Settings, warm_up: bool) -> None:
    laboratory = Laboratory(settings.model_copy(update={"warm_up": warm_up}))
    try:
        await measures.warm_up(laboratory)
        kinds = {key.partition("/")[0] for key in laboratory.cache}
        assert kinds == ({"fit", "projection", "baseline"} if warm_up else set())
    finally:
        laboratory.close()


def test_asking_again_computes_nothing(client: TestClient, laboratory: Laboratory) -> None:
    edit = an_edit(client)
    first = post(client, "projections", relation="I_C1", edit=edit)
    computed = laboratory.cache.statistics.computed
    assert post(client, "projections", relation="I_C1", edit=edit) == first
    assert laboratory.cache.statistics.computed == computed


def test_an_evaluation_says_what_was_lost(client: TestClient, checkpoint: Checkpoint) -> None:
    got = post(client, "evaluations", edit=an_edit(client), queries=20, contexts=2)
    shattering = got["shattering"]
    assert shattering["per_relation"].keys() == set(checkpoint.world.relation_names)
    of_order = [R for name, R in shattering["per_relation"].items() if name.startswith("I_")]
    assert shattering["edit"] == pytest.approx(np.mean(of_order))
    assert shattering["edit"] > 0
    assert {(score["task"], score["order"]) for score in got["scores"]} == {
        (task, order)
        for task in ("direct", "logical", "composition_stated", "composition_held_out")
        for order in checkpoint.world.group_names
    }
    for score in got["scores"]:
        assert score["n_queries"] == min(20, score["n_available"])
        assert score["n_contexts"] == 2
        accuracy = score["accuracy"]
        assert accuracy["change"] == pytest.approx(accuracy["after"] - accuracy["before"])
        assert 0 <= accuracy["after"] <= 1
    assert sum(each["n_entities"] for each in got["damage"]) == checkpoint.world.n_entities
    assert {ripple["kind"] for ripple in got["ripples"]} == {"implied", "contradicted"}


def test_an_edit_of_strength_zero_changes_nothing(client: TestClient) -> None:
    got = post(client, "evaluations", edit=an_edit(client, strength=0.0), queries=20, contexts=1)
    assert set(got["shattering"]["per_relation"].values()) == {0.0}
    assert all(score["accuracy"]["change"] == 0 for score in got["scores"])


def test_evaluations_are_reproducible_and_the_seed_matters(client: TestClient, laboratory: Laboratory) -> None:
    edit = an_edit(client)
    first = post(client, "evaluations", edit=edit, queries=20, contexts=1)
    laboratory.cache.clear()
    second = post(client, "evaluations", edit=edit, queries=20, contexts=1)
    assert first["scores"] == second["scores"]
    other = post(client, "evaluations", edit=edit, queries=20, contexts=1, seed=1)
    assert first["scores"] != other["scores"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("activations", {"relation": "I_X"}, "body.relation"),
        ("activations", {"relation": "I_C1", "site": "mlp_key.0"}, "body.site"),
        ("projections", {"relation": "I_C1", "method": "umap"}, "body.method"),
        ("projections", {"relation": "I_C1", "dimensions": 4}, "body.dimensions"),
        ("projections", {"relation": "I_C1", "align": "best"}, "body.align"),
        ("evaluations", {"edit": "x", "contexts": 0}, "body.contexts"),
        ("evaluations", {}, "body.edit"),
    ],
)
def test_bad_input_names_the_field(client: TestClient, path: str, body: dict[str, Any], field: str) -> None:
    response = client.post(path, json={"checkpoint": SMALL, **body})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_the_unedited_model_is_asked_what_an_edited_one_is(client: TestClient) -> None:
    """What is shown before an edit is what the edit is measured against."""
    how = {"checkpoint": SMALL, "edit": None, "queries": 20, "contexts": 2, "seed": 3}
    id = an_edit(client)
    before = client.post("evaluations", json=how).json()
    after = client.post("evaluations", json={**how, "edit": id}).json()
    assert before["edit"] is None
    assert before["shattering"]["edit"] == 0
    for one, other in zip(before["scores"], after["scores"], strict=True):
        assert one["sub_graph"] is None
        assert (one["task"], one["order"], one["n_queries"]) == (other["task"], other["order"], other["n_queries"])
        for what in ("accuracy", "probability"):
            assert one[what] == {"before": other[what]["before"], "after": other[what]["before"], "change": 0}


def test_what_moved_is_told_by_relation_and_part(client: TestClient, checkpoint: Checkpoint) -> None:
    moved = client.post("evaluations", json={"checkpoint": SMALL, "edit": an_edit(client), "queries": 5}).json()[
        "movement"
    ]
    assert moved["per_relation"].keys() == set(checkpoint.world.relation_names)
    of_ring = [value["moved"] for name, value in moved["per_relation"].items() if name.startswith("I_")]
    assert moved["edit"]["moved"] == pytest.approx(sum(of_ring) / len(of_ring))
    assert 0 < moved["edit"]["strain"] < moved["edit"]["moved"] * 3


@pytest.mark.parametrize("editor", list(EDITORS))
@pytest.mark.parametrize("method", ["isomap", "pca"])
def test_pictures_of_many_strengths_are_those_of_the_edits_at_these_strengths(
    client: TestClient, editor: str, method: str
) -> None:
    """On a stack whose last edit is scaled; the pictures of the whole models, to the last bit."""

    def stack(strength: float) -> str:
        first = {"subject": 9, "relation": "I_C1", "distance": 8, "method": "rome"}
        last = {"subject": 3, "relation": "I_C1", "distance": 6, "method": editor, "strength": strength}
        edits = [{**each, "parameters": {"steps": 5}} for each in (first, last)]
        id: str = post(client, "edits", edits=edits)["id"]
        return id

    what = {"relation": "I_C1", "method": method, "align": "none" if method == "pca" else "procrustes"}
    strengths = [0.0, 0.35, 1.0, 2.0]
    found = post(client, "projections/strengths", edit=stack(1.0), strengths=strengths, **what)
    assert [each["strength"] for each in found["pictures"]] == strengths
    for strength, each in zip(strengths, found["pictures"], strict=True):
        whole = post(client, "projections", edit=stack(strength), **what)
        np.testing.assert_array_equal(decode(each["after"]), decode(whole["after"]))
        assert (found["before"], found["order_position"]) == (whole["before"], whole["order_position"])


def test_pictures_of_strengths_are_refused_by_the_field_at_fault(client: TestClient) -> None:
    body = {"checkpoint": SMALL, "relation": "I_C1", "edit": an_edit(client), "strengths": [0.5]}
    for change, field in (
        ({"strengths": []}, "body.strengths"),
        ({"strengths": [0.5] * 42}, "body.strengths"),
        ({"strengths": [4.1]}, "body.strengths.0"),
        ({"edit": an_edit(client, strength=0.0)}, "body.edit"),
    ):
        response = client.post("projections/strengths", json={**body, **change})
        assert response.status_code == 422
        assert response.json()["errors"][0]["field"] == field
