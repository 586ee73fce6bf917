"""Checkpoints, facts and the server's own routes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import values_of
from shatterscope.backend.evaluation.answers import answers
from shatterscope.backend.settings import Settings, SettingsError, load_settings
from shatterscope.wire.base import Array

SMALL = "rings-small"


def test_the_world_says_all_that_a_page_draws_and_asks(client: TestClient, checkpoint: Checkpoint) -> None:
    world, known = client.get(f"checkpoints/{SMALL}/world").json(), checkpoint.world
    n = known.n_entities
    assert (world["kind"], world["entities"]) == ("rings", [str(entity) for entity in range(n)])
    assert [group["name"] for group in world["groups"]] == ["I", "II", "III"]
    for order, group in zip(known.orders, world["groups"], strict=True):  # type: ignore[attr-defined]
        assert group["title"] == f"ring {group['name']}"
        assert group["edges"] == [[int(a), int(b)] for a, b in zip(order, np.roll(order, -1), strict=True)]
        color = values_of(Array.model_validate(group["color"]))
        assert np.argsort(color).tolist() == order.tolist()
        around = values_of(Array.model_validate(group["coordinates"]))
        assert np.hypot(*around.T) == pytest.approx(np.ones(n))
    relation = next(each for each in world["relations"] if each["name"] == "II_A2")
    assert relation == {
        "name": "II_A2",
        "group": "II",
        "phrase": "On ring II, who stands 2 steps anticlockwise of {subject}?",
        "inverse": "II_C2",
        "several": False,
        "n_facts": n,
        "example": 0,
        "wordings": [],
    }
    assert world["rules"]
    assert client.get("checkpoints/nowhere/world").status_code == 404


def test_health_says_what_runs(client: TestClient) -> None:
    health = client.get("health").json()
    assert health["status"] == "ok"
    assert health["device"] == "cpu"
    assert health["checkpoints"] == [SMALL]
    assert health["problems"] == {}


def test_a_checkpoint_describes_itself(client: TestClient, checkpoint: Checkpoint) -> None:
    (info,) = client.get("checkpoints").json()
    assert info["id"] == SMALL
    assert info["default"] is True
    assert info["sha256"] == checkpoint.sha256
    assert info["graph"]["relations"] == checkpoint.world.relation_names
    assert info["model"]["n_params"] == checkpoint.model.n_params
    assert info["model"]["default_site"] in info["model"]["sites"]
    assert info["accuracy"]["direct"].keys() == set(info["graph"]["orders"])


def test_a_damaged_checkpoint_is_reported_and_the_others_load(tmp_path: Path, models_dir: Path) -> None:
    folder = tmp_path / "models"
    for name in ("broken", SMALL):
        shutil.copytree(models_dir / SMALL, folder / name)
    weights = bytearray((folder / "broken" / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "broken" / "weights.safetensors").write_bytes(weights)
    app = create_app(load_settings(models_dir=folder, state_dir=tmp_path / "state", device="cpu"))
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        health = client.get("health").json()
        assert health["checkpoints"] == [SMALL]
        assert "sha256" in health["problems"]["broken"]
        response = client.get("checkpoints/broken/facts", params={"subject": 0, "relation": "I_C1"})
        assert response.status_code == 404
        assert "sha256" in response.json()["detail"]


def test_a_server_without_checkpoints_starts_and_says_so(tmp_path: Path) -> None:
    app = create_app(load_settings(models_dir=tmp_path / "none", state_dir=tmp_path / "state", device="cpu"))
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        assert client.get("checkpoints").json() == []
        response = client.get("checkpoints/rings/facts", params={"subject": 0, "relation": "I_C1"})
        assert "shatterscope train" in response.json()["detail"]


def test_a_default_checkpoint_that_is_not_there_is_a_settings_error(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="SHATTERSCOPE_DEFAULT_CHECKPOINT='nowhere'"):
        create_app(settings.model_copy(update={"default_checkpoint": "nowhere"}))


def test_a_fact_is_what_the_model_answers(client: TestClient, checkpoint: Checkpoint) -> None:
    relation = checkpoint.world.relation("III_C2")
    fact = client.get(f"checkpoints/{SMALL}/facts", params={"subject": 5, "relation": "III_C2"}).json()
    prompt = [[5, checkpoint.vocabulary.relation_token(relation)]]
    expected = answers(checkpoint.model, prompt, checkpoint.world.n_entities)
    assert fact["object"] == checkpoint.world.object_of(5, relation)
    assert fact["prediction"] == expected.of(0)[0] == fact["top"][0]["object"]
    assert fact["probability"] == pytest.approx(expected.of(0, fact["object"])[1])
    assert fact["stated"] is not bool(checkpoint.holdout.single[5, relation.index])
    probabilities = [answer["probability"] for answer in fact["top"]]
    assert len(probabilities) == 5
    assert probabilities == sorted(probabilities, reverse=True)


def test_a_composition_is_a_fact_of_two_relations(client: TestClient, checkpoint: Checkpoint) -> None:
    ask = {"subject": 5, "relation": "II_C2", "relation2": "II_A1"}
    fact = client.get(f"checkpoints/{SMALL}/facts", params=ask).json()
    assert fact["object"] == checkpoint.world.walk(1, 5, 1)
    assert fact["relation2"] == "II_A1"
    mixed = client.get(f"checkpoints/{SMALL}/facts", params={**ask, "relation2": "I_A1"})
    assert mixed.status_code == 422
    assert mixed.json()["errors"][0]["field"] == "query.relation2"


def test_errors_are_facts_that_the_model_gets_wrong(client: TestClient, checkpoint: Checkpoint) -> None:
    found = client.get(f"checkpoints/{SMALL}/errors", params={"limit": 3}).json()
    assert len(found["errors"]) == min(3, found["total"])
    for wrong in found["errors"]:
        assert wrong["prediction"] != wrong["object"]
        asked = {"subject": wrong["subject"], "relation": wrong["relation"]}
        fact = client.get(f"checkpoints/{SMALL}/facts", params=asked).json()
        assert fact["prediction"] == wrong["prediction"]
        assert fact["object"] == wrong["object"]
    direct = client.get("checkpoints").json()[0]["accuracy"]["direct"]
    assert (found["total"] == 0) == (min(direct.values()) == 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"subject": 0}, "query.relation"),
        ({"subject": "x", "relation": "I_C1"}, "query.subject"),
        ({"subject": 10**6, "relation": "I_C1"}, "query.subject"),
        ({"subject": 0, "relation": "I_B1"}, "query.relation"),
    ],
)
def test_a_bad_question_names_the_field(client: TestClient, query: dict[str, str], field: str) -> None:
    response = client.get(f"checkpoints/{SMALL}/facts", params=query)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == field


def test_editors_bring_presets_and_a_schema(client: TestClient) -> None:
    editors = client.get("editors").json()
    (rome,) = [editor for editor in editors if editor["name"] == "rome"]
    assert rome["parameters"]["properties"]["learning_rate"]["default"] > 0
    names = {preset["name"] for preset in rome["presets"]}
    assert {"paper", "tuned"} <= names
    assert rome["default_preset"] in names
    for preset in rome["presets"]:
        assert preset["parameters"].keys() == rome["parameters"]["properties"].keys()
