"""Ids and caches: the same question has the same answer whatever was asked before, and what differs in anything has another id."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, load_file
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.checkpoints import METADATA, STATISTICS, file_hash, write_tensors
from shatterscope.backend.edits import stored_id
from shatterscope.backend.settings import REPOSITORY, Settings, load_settings

SMALL, COPY, OTHER = "rings-small", "a-copy", "other-statistics"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The small checkpoint, a copy of its folder, and one with the same weights and other statistics."""
    root = tmp_path_factory.mktemp("three")
    for name in (SMALL, COPY, OTHER):
        shutil.copytree(REPOSITORY / "models_cache" / SMALL, root / "models" / name)
    changed(root / "models" / OTHER)
    return load_settings(models_dir=root / "models", state_dir=root / "state", device="cpu")


def changed(folder: Path) -> None:
    moments = {
        name: value + torch.eye(len(value)) * value.diag().mean()
        for name, value in load_file(folder / STATISTICS).items()
    }
    write_tensors(folder / STATISTICS, moments)
    metadata = json.loads((folder / METADATA).read_text())
    metadata["sha256"][STATISTICS] = file_hash(folder / STATISTICS)
    (folder / METADATA).write_text(json.dumps(metadata))


@pytest.fixture(scope="module")
def server(three: Settings) -> Iterator[TestClient]:
    app = create_app(three)
    with TestClient(app, base_url="http://testserver/api/v1/") as client:
        client.laboratory = app.state.laboratory  # type: ignore[attr-defined]
        yield client
    app.state.laboratory.close()


def order(checkpoint: str = SMALL, *strengths: float, method: str = "memit") -> dict[str, Any]:
    edits = [
        {
            "subject": 7 + i,
            "relation": "I_C2",
            "distance": 32,
            "method": method,
            "strength": strength,
            "parameters": {"steps": 5, "n_contexts": 2},
        }
        for i, strength in enumerate(strengths or (1.0,))
    ]
    return {"checkpoint": checkpoint, "edits": edits}


def ask(client: TestClient, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
    response = client.post(path, json=body) if body else client.get(path, params=query)
    assert response.status_code == 200, response.text
    return without_seconds(response.json())


def without_seconds(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {name: without_seconds(value) for name, value in answer.items() if name != "seconds"}
    return [without_seconds(value) for value in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("method", ["rome", "memit", "pmet", "alphaedit"])
@pytest.mark.parametrize("asked", [(SMALL, COPY, OTHER), (OTHER, COPY, SMALL)])
def test_other_statistics_are_another_edit_and_a_copy_has_the_same_delta(
    server: TestClient, asked: tuple[str, ...], method: str
) -> None:
    laboratory: Laboratory = server.laboratory  # type: ignore[attr-defined]
    laboratory.cache.clear()
    made = {name: ask(server, "edits", order(name, method=method)) for name in asked}
    assert len({each["id"] for each in made.values()}) == 3
    weight = "blocks.0.mlp.down.weight"
    delta = {name: load(server.get(f"edits/{each['id']}/delta").content)[weight] for name, each in made.items()}
    assert torch.equal(delta[SMALL], delta[COPY])
    assert not torch.allclose(delta[SMALL], delta[OTHER], rtol=1e-3)
    for name, each in made.items():
        assert each["checkpoint"] == ask(server, f"edits/{each['id']}")["checkpoint"] == name


@pytest.mark.parametrize("asked", [(SMALL, COPY), (COPY, SMALL)])
def test_a_copy_answers_under_its_own_name(server: TestClient, asked: tuple[str, ...]) -> None:
    laboratory: Laboratory = server.laboratory  # type: ignore[attr-defined]
    laboratory.cache.clear()
    for name in asked:
        id = ask(server, "edits", order(name))["id"]
        place = {"checkpoint": name, "edit": id}
        for answer in (
            ask(server, f"checkpoints/{name}/facts", subject=7, relation="I_C2"),
            ask(server, f"checkpoints/{name}/facts", subject=7, relation="I_C2", edit=id),
            ask(server, "activations", {**place, "relation": "I_C2"}),
            ask(server, "projections", {**place, "relation": "I_C2", "method": "pca"}),
            ask(server, "evaluations", {**place, "queries": 5, "contexts": 1}),
            ask(server, "rings", {**place, "entities": 16}),
            ask(server, "keys-values", {"checkpoint": name, "relation": "I_C2", "layer": 0}),
            *ask(server, "tracings", {"checkpoint": name, "facts": 8}),
        ):
            assert answer["checkpoint"] == name


REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("edits", order(name, *strengths))
    for name in (SMALL, COPY, OTHER)
    for strengths in ((1.0,), (0.0, 1.0), (0.5, 1.0), (1.0, 0.0))
]


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, len(REQUESTS) - 1), min_size=2, max_size=6), st.booleans())
def test_what_was_asked_before_changes_nothing(server: TestClient, asked: list[int], evaluated: bool) -> None:
    """Edits in any order and again, and everything about them, against each alone on a server that knows nothing."""
    laboratory: Laboratory = server.laboratory  # type: ignore[attr-defined]

    def answer(number: int) -> list[Any]:
        path, body = REQUESTS[number]
        made = ask(server, path, body)
        place = {"checkpoint": body["checkpoint"], "edit": made["id"]}
        found = [made, ask(server, f"edits/{made['id']}"), ask(server, "activations", {**place, "relation": "I_C2"})]
        return [*found, ask(server, "evaluations", {**place, "queries": 5, "contexts": 1})] if evaluated else found

    alone = {}
    for number in set(asked):
        laboratory.cache.clear()
        alone[number] = answer(number)
    laboratory.cache.clear()
    for number in asked:
        assert answer(number) == alone[number]


def test_an_id_of_an_earlier_version_is_computed_as_now(server: TestClient, three: Settings) -> None:
    """Its specification may lack parameters that came later."""
    laboratory: Laboratory = server.laboratory  # type: ignore[attr-defined]
    made = ask(server, "edits", order())
    spec = copy.deepcopy(made["edits"][0]["spec"])
    del spec["distance"], spec["preset"], spec["batch"]
    del spec["parameters"]["key_mean"]
    old = stored_id(laboratory.registry.get(SMALL), [spec], 1)
    connection = sqlite3.connect(three.state_dir / "shatterscope.db")
    with connection:
        connection.execute(
            "INSERT INTO edits SELECT ?, checkpoint, ?, created FROM edits WHERE id = ?",
            (old, json.dumps([spec]), made["id"]),
        )
    connection.close()
    assert ask(server, f"edits/{old}") == made
    for path in (f"edits/{old}", f"edits/{old}/delta", f"edits/{old}/weights"):
        response = server.get(path)
        assert response.headers["cache-control"] == "no-cache"
        assert server.get(path, headers={"If-None-Match": response.headers["etag"]}).status_code == 304
    assert ask(server, "evaluations", {"checkpoint": SMALL, "edit": old, "queries": 5})["edit"] == made["id"]
    assert ask(server, f"checkpoints/{SMALL}/facts", subject=7, relation="I_C2", edit=old)["edit"] == old
