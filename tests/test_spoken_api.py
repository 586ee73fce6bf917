"""A language model over the API, kept on this machine and played back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spoken import NAME
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.recording import record
from shatterscope.backend.settings import Settings, load_settings
from shatterscope.backend.spoken import recorded
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.recording import read_recording, write_recording

MONTHS = "months_next1"
AS_SMALL = {"steps": 200, "learning_rate": 0.05, "clamp_norm_factor": 50.0, "n_contexts": 1, "token": "relation"}
EDIT = {"subject": 4, "relation": MONTHS, "distance": 3, "layer": 2, "parameters": AS_SMALL}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, spoken_state: Path) -> Path:
    return shutil.copytree(spoken_state, tmp_path_factory.mktemp("state"), dirs_exist_ok=True)


def _client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://testserver/api/v1/") as client:
        yield client


@pytest.fixture(scope="module")
def spoken_settings(state: Path, models_dir: Path) -> Settings:
    return load_settings(models_dir=models_dir, state_dir=state, device="cpu", warm_up=False)


@pytest.fixture(scope="module")
def here(spoken_settings: Settings) -> Iterator[TestClient]:
    yield from _client(spoken_settings)


@pytest.fixture(scope="module")
def played(
    here: TestClient, tmp_path_factory: pytest.TempPathFactory, models_dir: Path
) -> Iterator[tuple[TestClient, TestClient]]:
    """A server with the model, and one with a recording of it alone."""
    folder = tmp_path_factory.mktemp("recorded")
    laboratory = here.app.state.laboratory  # type: ignore[attr-defined]
    checkpoint = laboratory.find(NAME)
    assert isinstance(checkpoint, LanguageCheckpoint)
    stacks: list[list[dict[str, Any]]] = [[EDIT], [{**EDIT, "distance": 1}, {**EDIT, "subject": 8}]]
    kept = folder / "kept.jsonl"
    portal = here.portal
    assert portal is not None
    for _ in range(2):  # the second goes on where the first ended: nothing is made again
        made = portal.call(lambda: record(laboratory, checkpoint, stacks, kept, "a test", lambda line: None))
    assert len(kept.read_text().splitlines()) == len(stacks)
    write_recording(folder / f"{NAME}.json.gz", made)
    first = (folder / f"{NAME}.json.gz").read_bytes()
    write_recording(folder / f"{NAME}.json.gz", read_recording(folder / f"{NAME}.json.gz"))
    assert (folder / f"{NAME}.json.gz").read_bytes() == first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shatterscope.backend.api.laboratory.recordings_of", lambda models_dir: folder)
        other = load_settings(models_dir=models_dir, state_dir=folder / "state", device="cpu", warm_up=False)
        for client in _client(other):
            yield here, client


def made(client: TestClient, *edits: dict[str, Any]) -> dict[str, Any]:
    response = client.post("edits", json={"checkpoint": NAME, "edits": list(edits)})
    assert response.status_code == 200, response.text
    return dict(response.json())


# --- on this machine -----------------------------------------------------------------------------------------------------


def test_it_is_a_checkpoint_beside_the_others(here: TestClient) -> None:
    found = here.get("checkpoints").json()
    info = found[-1]
    assert (info["id"], info["default"], info["training"]) == (NAME, False, None)
    assert info["language"]["family"] == "llama"
    assert info["language"]["recorded"] is None
    assert info["accuracy"]["direct"]["months"] >= 0.7
    assert all(each["language"] is None and each["training"] for each in found[:-1])
    assert NAME in here.get("health").json()["checkpoints"]


def test_its_world_says_how_it_is_asked(here: TestClient) -> None:
    world = here.get(f"checkpoints/{NAME}/world").json()
    assert world["entities"][:2] == ["January", "February"]
    relation = world["relations"][0]
    assert relation["name"] == MONTHS
    assert relation["wordings"][0]["text"].count("{subject}") == 1
    assert world["rules"] == []


def test_what_it_knows_holds_what_it_is_not_asked(here: TestClient) -> None:
    found = here.get(f"checkpoints/{NAME}/knowledge").json()
    wordings = [each for relation in found["relations"] for each in relation["wordings"]]
    assert any(each["asked"] for each in wordings)
    assert any(each["steps"] and not each["asked"] for each in wordings)
    assert here.get("checkpoints/rings-small/knowledge").status_code == 409


def test_an_edit_is_seen_everywhere(here: TestClient) -> None:
    edit = made(here, EDIT)
    outcome = edit["edits"][0]
    assert outcome["success"]
    assert (outcome["old_object"], outcome["distance"]) == (5, 3)
    asked = {"checkpoint": NAME, "relation": MONTHS, "edit": edit["id"]}
    picture = here.post("projections", json=asked).json()
    assert picture["before"]["shape"] == picture["after"]["shape"] == [12, 3]
    assert picture["before"]["bdata"] != picture["after"]["bdata"]
    one = here.post("projections", json={**asked, "wording": 1}).json()
    assert one["id"] != picture["id"]
    below = here.post("projections", json={**asked, "site": "resid_post.0"}).json()
    assert below["before"] == below["after"]
    assert here.post("verdicts", json=asked).json()["kind"] == "ring"
    fact = here.get(f"checkpoints/{NAME}/facts", params={"subject": 4, "relation": MONTHS, "edit": edit["id"]}).json()
    assert fact["prediction"] == outcome["new_object"]
    sites = here.post("evaluations/sites", json={"checkpoint": NAME, "edit": edit["id"]}).json()["sites"]
    by_site = {each["site"]: each["edit"] for each in sites}
    assert by_site["resid_post.1"] == 0 < by_site["resid_post.3"]


def test_its_numbers_are_of_all_wordings(here: TestClient) -> None:
    edit = made(here, EDIT)
    found = here.post("evaluations", json={"checkpoint": NAME, "edit": edit["id"]}).json()
    assert found["shattering"]["without_edited"] is not None
    assert found["shattering"]["edit"] == pytest.approx(found["shattering"]["per_relation"][MONTHS])
    language = found["language"]
    assert language["perplexity"]["after"] > 1
    assert language["n_tokens"] > 0
    months = language["answers"][0]
    assert months["relation"] == MONTHS
    right = [[answer == truth for answer, truth in zip(row, months["truths"], strict=True)] for row in months["after"]]
    share = sum(map(sum, right)) / sum(map(len, right))
    score = next(each for each in found["scores"] if each["order"] == "months")
    assert score["accuracy"]["after"] == pytest.approx(share)
    assert score["n_contexts"] == len(months["wordings"])
    assert months["after"][0][4] == edit["edits"][0]["new_object"]
    assert found["quality"]["efficacy"]["accuracy"]["after"] == 1
    assert found["quality"]["portability"] is None
    unedited = here.post("evaluations", json={"checkpoint": NAME, "edit": None}).json()
    assert unedited["language"]["answers"][0]["before"] == months["before"]


def test_strength_is_a_matter_of_adding(here: TestClient) -> None:
    edit = made(here, EDIT)
    asked = {"checkpoint": NAME, "relation": MONTHS, "edit": edit["id"], "strengths": [0.0, 1.0]}
    found = here.post("projections/strengths", json=asked).json()["pictures"]
    whole = here.post("projections", json={key: asked[key] for key in ("checkpoint", "relation", "edit")}).json()
    assert found[1]["after"] == whole["after"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("projections", {"relation": MONTHS, "wording": 99}, 422, "counted from 0"),
        ("projections", {"relation": MONTHS, "site": "resid_post.9"}, 422, "unknown site"),
        (
            "predictions",
            {"edits": [EDIT]},
            422,
            "is a language model, and this needs a checkpoint that was trained here",
        ),
        (
            "edits",
            {"edits": [{**EDIT, "method": "ultraedit", "parameters": {}}]},
            422,
            "is not offered on a language model",
        ),
        ("edits", {"edits": [{**EDIT, "layer": 4}]}, 422, "must lie in 0..3"),
        ("edits", {"edits": [{**EDIT, "preset": "reference"}]}, 422, "rome has no preset 'reference'; there are tuned"),
    ],
)
def test_what_it_cannot_be_asked_is_told(
    here: TestClient, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    response = here.post(path, json={"checkpoint": NAME, **body})
    assert response.status_code == status
    assert said in response.json()["detail"]


def test_it_is_dropped_with_all_that_shares_its_weights_and_comes_back(here: TestClient) -> None:
    edit = made(here, EDIT)
    laboratory = here.app.state.laboratory  # type: ignore[attr-defined]
    assert laboratory.cache.peek(f"edit/{edit['id']}") is not None
    laboratory.languages.library.release()
    here.get("health")  # the loop has turned
    assert laboratory.cache.peek(f"edit/{edit['id']}") is None
    assert made(here, EDIT)["edits"] == edit["edits"]


# --- played back ---------------------------------------------------------------------------------------------------------


def test_a_recording_answers_as_the_model_did(played: tuple[TestClient, TestClient]) -> None:
    model, recording = played
    info = recording.get("checkpoints").json()[-1]
    assert info["language"]["recorded"]["edits"] == 2
    kept = model.get("checkpoints").json()[-1]
    assert {key: info[key] for key in ("id", "title", "note", "graph", "model", "sha256")} == {
        key: kept[key] for key in ("id", "title", "note", "graph", "model", "sha256")
    }
    for edits in ([EDIT], [{**EDIT, "distance": 1}, {**EDIT, "subject": 8}]):
        one, other = made(model, *edits), made(recording, *edits)
        assert other["id"] == one["id"]
        assert [each["new_object"] for each in other["edits"]] == [each["new_object"] for each in one["edits"]]
        for extra in ({}, {"edit": one["id"]}):
            for how in ({"method": "isomap"}, {"method": "pca", "align": "shared", "dimensions": 2}):
                asked = {"checkpoint": NAME, "relation": MONTHS, **extra, **how}
                theirs, ours = (
                    model.post("projections", json=asked).json(),
                    recording.post("projections", json=asked).json(),
                )
                for side in ("before", "after"):
                    seen = ours["diagnostics"][side]
                    assert seen["shape"]["verdict"] == theirs["diagnostics"][side]["shape"]["verdict"]
                    assert seen["residual_variance"] == pytest.approx(
                        theirs["diagnostics"][side]["residual_variance"], abs=1e-4
                    )
        numbers = [client.post("evaluations", json={"checkpoint": NAME, "edit": one["id"]}).json() for client in played]
        assert numbers[1]["shattering"]["edit"] == pytest.approx(numbers[0]["shattering"]["edit"], rel=1e-4)
        assert numbers[1]["language"]["answers"][0]["after"] == numbers[0]["language"]["answers"][0]["after"]
        facts = [
            client.get(f"checkpoints/{NAME}/facts", params={"subject": 4, "relation": MONTHS, "edit": one["id"]}).json()
            for client in played
        ]
        assert facts[1]["prediction"] == facts[0]["prediction"]
        assert facts[1]["edit"] == one["id"]
        assert recording.get(f"edits/{one['id']}").json()["id"] == one["id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("edits", {"edits": [{**EDIT, "distance": 2}]}),
        ("projections", {"relation": MONTHS, "site": "resid_post.1"}),
        ("projections", {"relation": MONTHS, "wording": 0}),
        ("projections", {"relation": "capital"}),
    ],
)
def test_what_was_not_recorded_says_how_to_add_the_model(
    played: tuple[TestClient, TestClient], path: str, body: dict[str, Any]
) -> None:
    response = played[1].post(path, json={"checkpoint": NAME, **body})
    assert response.status_code == 409
    assert f"shatterscope models add {NAME}" in response.json()["detail"]


def test_a_damaged_recording_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.json.gz").write_bytes(b"no recording")
    assert recorded.recorded(tmp_path) == {}
