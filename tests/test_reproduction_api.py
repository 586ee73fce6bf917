"""The reproduction over HTTP: reports of sweeps, shipped runs, looks inside the model."""

from __future__ import annotations

import base64
import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from shatterscope.backend.api import create_app
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.reproduction import protocol
from shatterscope.backend.reproduction.report import Run, report
from shatterscope.backend.reproduction.shipped import ship
from shatterscope.backend.settings import REPOSITORY, Settings, load_settings
from shatterscope.wire.reproduction import KeysValues, Report, Reproduction, RingsResult, Tracing
from shatterscope.wire.sweeps import SweepRequest, SweepRow
from tests.test_api_sweeps import wait_for
from tests.test_reproduction import make_row

SMALL = "rings-small"


@pytest.fixture
def own_models(tmp_path: Path) -> Path:
    """Of this test alone: runs are shipped into it."""
    shutil.copytree(
        REPOSITORY / "models_cache" / SMALL, tmp_path / "models" / SMALL, ignore=shutil.ignore_patterns("reproduction")
    )
    return tmp_path / "models"


@pytest.fixture
def settings(tmp_path: Path, own_models: Path) -> Settings:
    return load_settings(models_dir=own_models, state_dir=tmp_path / "state", device="cpu", sweep_workers=1)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url="http://testserver/api/v1/") as client:
        yield client


def decode(array: dict[str, Any]) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(array["bdata"]), dtype="<f4").reshape(array["shape"])


def edit(client: TestClient, **more: Any) -> str:
    spec = {"subject": 3, "relation": "II_C2", "distance": 40, "parameters": {"steps": 5}} | more
    response = client.post("edits", json={"checkpoint": SMALL, "edits": [spec]})
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


# --- reports ---------------------------------------------------------------------------------------------------------


def test_a_sweep_is_reported_while_it_runs_and_when_it_is_done(client: TestClient) -> None:
    body = {
        "checkpoint": SMALL,
        "methods": ["rome"],
        "distances": [1, 4],
        "edits_per_cell": 3,
        "contexts": 1,
        "queries": 10,
        "sites": ["attn_out.last", "resid_post.last"],
    }
    id = client.post("sweeps", json=body).json()["id"]
    early = Report.model_validate(client.get(f"sweeps/{id}/report").json())
    assert early.provenance.rows <= early.provenance.total == 9
    wait_for(client, id, lambda info: info["status"] == "done")
    found = Report.model_validate(client.get(f"sweeps/{id}/report").json())
    rows = [SweepRow.model_validate(row) for row in client.get(f"sweeps/{id}/rows").json()]
    run = Run(id, rows[0].checkpoint_sha256, SweepRequest.model_validate(body), 9)
    assert found == report(rows, run)
    for row in rows[:3]:
        asked = {"checkpoint": SMALL, "edit": row.edit, "sites": list(row.sites)}
        told = client.post("evaluations/sites", json=asked).json()["sites"]
        assert [each["site"] for each in told] == ["attn_out.1", "resid_post.1"]
        for each in told:
            for part in ("edit", "retain", "test"):
                mine = getattr(row.sites[each["site"]], part)
                assert mine.value == pytest.approx(each[part], abs=5 * mine.standard_error)
    assert {(cell.kind, cell.distance, cell.change.n) for cell in found.accuracy} == {
        ("counterfactual", 1, 3),
        ("counterfactual", 4, 3),
        ("corrective", 0, 3),
    }
    assert len(found.fits[0].points) == 9


def test_a_report_of_no_sweep_is_404(client: TestClient) -> None:
    response = client.get("sweeps/none/report")
    assert response.status_code == 404
    assert "none" in response.json()["detail"]


# --- shipped runs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(own_models: Path, checkpoint: Checkpoint) -> Path:
    def part(request: SweepRequest, **more: Any) -> tuple[Run, list[str]]:
        rows = [make_row(i, R=0.1 * i, checkpoint_sha256=checkpoint.sha256, **more) for i in range(3)]
        return Run("s1", checkpoint.sha256, request, 3), [row.model_dump_json() for row in rows]

    holding = {"after": 5, "made": 5, "written": 1.0, "holding": 0.8, "probability": 0.5}
    single, sequence = protocol.single_edits(SMALL, 3), protocol.sequences(SMALL, 5)
    return ship(own_models / SMALL, part(single), part(sequence, sequence=holding))


def test_nothing_shipped_is_a_404_that_says_how(client: TestClient) -> None:
    for path in (f"checkpoints/{SMALL}/reproduction", f"checkpoints/{SMALL}/reproduction/rows"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
        assert f"shatterscope reproduce {SMALL} --ship" in response.json()["detail"]
    assert client.get("checkpoints/other/reproduction").status_code == 404


def test_a_shipped_run_with_its_rows(shipped: Path, client: TestClient) -> None:
    found = Reproduction.model_validate(client.get(f"checkpoints/{SMALL}/reproduction").json())
    assert found.single.provenance.rows == 3
    assert found.single.fits[0].r2 is None  # the accuracy of these rows does not change
    assert found.sequence is not None
    assert found.sequence.sequences[0].points[0].holding.mean == pytest.approx(0.8)
    assert client.post("sweeps", json=found.requests[0].model_dump(mode="json")).status_code == 202
    assert found.findings == ""
    (shipped / "findings.md").write_text("**Why**")
    assert client.get(f"checkpoints/{SMALL}/reproduction").json()["findings"] == "**Why**"

    rows = client.get(f"checkpoints/{SMALL}/reproduction/rows").json()
    assert [SweepRow.model_validate(row).index for row in rows] == [0, 1, 2]
    sequence = client.get(f"checkpoints/{SMALL}/reproduction/rows", params={"part": "sequence"}).json()
    assert sequence[0]["sequence"]["after"] == 5
    answer = client.get(f"checkpoints/{SMALL}/reproduction/rows", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert f"reproduction-{SMALL}-single.csv" in answer.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(line["R.edit"]) for line in lines] == pytest.approx([0, 0.1, 0.2])


def test_a_damaged_run_is_told_and_harms_nothing_else(shipped: Path, client: TestClient) -> None:
    (shipped / "single.jsonl.gz").write_bytes(b"nothing")
    for path in (f"checkpoints/{SMALL}/reproduction", f"checkpoints/{SMALL}/reproduction/rows"):
        response = client.get(path)
        assert response.status_code == 409
        assert "sha256" in response.json()["detail"]
    assert [each["id"] for each in client.get("checkpoints").json()] == [SMALL]
    assert client.get("health").json()["problems"] == {}


def test_a_run_of_other_weights_is_told(shipped: Path, client: TestClient) -> None:
    manifest = shipped / "reproduction.json"
    sha = client.get("checkpoints").json()[0]["sha256"]
    manifest.write_text(manifest.read_text().replace(sha, "0" * 64))
    response = client.get(f"checkpoints/{SMALL}/reproduction")
    assert response.status_code == 409
    assert "other weights" in response.json()["detail"]


# --- inside the model ------------------------------------------------------------------------------------------------


def test_tracings_both_ways_round(client: TestClient) -> None:
    response = client.post("tracings", json={"checkpoint": SMALL, "facts": 20, "seed": 4})
    assert response.status_code == 200
    found = [Tracing.model_validate(each) for each in response.json()]
    assert [each.corrupted for each in found] == ["subject", "relation"]
    for each in found:
        assert each.n == 20
        assert np.shape(each.recovery) == np.shape(each.standard_error) == (len(each.sites), 4)
        assert each.recovery[-1][-1] == pytest.approx(1, abs=1e-6)
    assert client.post("tracings", json={"checkpoint": SMALL, "facts": 20, "seed": 4}).json() == response.json()


def test_keys_and_values(client: TestClient, checkpoint: Checkpoint) -> None:
    response = client.post("keys-values", json={"checkpoint": SMALL, "relation": "III_A2", "layer": 1})
    found = KeysValues.model_validate(response.json())
    n = checkpoint.world.n_entities
    assert decode(response.json()["keys"]).shape == decode(response.json()["values"]).shape == (n, 2)
    assert 0 < found.keys_variance <= 1
    assert 0 < found.values_variance <= 1
    assert found.distance_correlation is not None
    assert 0 < found.distance_correlation <= 1
    assert found.order_position == checkpoint.world.places[2].tolist()


def test_all_rings_before_and_after(client: TestClient, checkpoint: Checkpoint) -> None:
    id = edit(client)
    response = client.post("rings", json={"checkpoint": SMALL, "edit": id, "entities": 64})
    found = RingsResult.model_validate(response.json())
    assert [each.relation for each in found.pictures] == checkpoint.world.relation_names
    assert {each.relation[: each.relation.index("_")]: each.sub_graph for each in found.pictures} == {
        "I": "test",
        "II": "edit",
        "III": "retain",
    }
    evaluation = client.post("evaluations", json={"checkpoint": SMALL, "edit": id, "queries": 1}).json()
    for picture, raw in zip(found.pictures, response.json()["pictures"], strict=True):
        assert decode(raw["before"]).shape == decode(raw["after"]).shape == (64, 2)
        assert picture.shattering == pytest.approx(evaluation["shattering"]["per_relation"][picture.relation], rel=1e-4)
        assert picture.n_neighbors == checkpoint.metadata.rings.n_neighbors[picture.relation]
        assert picture.winding_before == checkpoint.metadata.rings.winding[picture.relation]
        assert picture.shape_before == checkpoint.metadata.rings.shape[picture.relation]

    projection = client.post(
        "projections", json={"checkpoint": SMALL, "edit": id, "relation": "II_C2", "dimensions": 2}
    ).json()
    picture = found.pictures[checkpoint.world.relation_names.index("II_C2")]
    assert picture.winding_after == projection["diagnostics"]["after"]["winding"]
    assert picture.shape_after == projection["diagnostics"]["after"]["shape"]["verdict"]
    two = client.post("rings", json={"checkpoint": SMALL, "edit": id, "entities": 64, "relations": ["III_A1", "II_C2"]})
    assert [item.relation for item in RingsResult.model_validate(two.json()).pictures] == ["III_A1", "II_C2"]
    assert two.json()["pictures"][1] == picture.model_dump(mode="json")
    ring = checkpoint.world.orders[1]
    shown = ring[np.arange(64) * len(ring) // 64]
    for when in ("before", "after"):
        mine = decode(getattr(picture, when).model_dump())
        np.testing.assert_allclose(mine, decode(projection[when])[shown], atol=1e-3)


def test_rings_of_more_entities_than_there_are(client: TestClient, checkpoint: Checkpoint) -> None:
    id = edit(client, strength=0)
    found = client.post("rings", json={"checkpoint": SMALL, "edit": id, "entities": 4096}).json()
    assert found["entities"] == checkpoint.world.n_entities
    for picture in found["pictures"]:
        assert picture["before"]["shape"] == [checkpoint.world.n_entities, 2]
        np.testing.assert_allclose(decode(picture["after"]), decode(picture["before"]), atol=1e-3)
        assert picture["shattering"] == 0


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("tracings", {"checkpoint": "nowhere"}, "body.checkpoint"),
        ("tracings", {"facts": 1}, "body.facts"),
        ("tracings", {"facts": 1001}, "body.facts"),
        ("tracings", {"seed": -1}, "body.seed"),
        ("tracings", {"colour": "red"}, "body.colour"),
        ("keys-values", {"relation": "I_C9"}, "body.relation"),
        ("keys-values", {"layer": 2}, "body.layer"),
        ("keys-values", {"layer": -1}, "body.layer"),
        ("keys-values", {"checkpoint": "nowhere"}, "body.checkpoint"),
        ("rings", {"checkpoint": "nowhere"}, "body.checkpoint"),
        ("rings", {"entities": 3}, "body.entities"),
        ("rings", {"relations": ["IX_C1"]}, "body.relations"),
    ],
)
def test_bad_requests_name_the_field(client: TestClient, path: str, change: dict[str, Any], field: str) -> None:
    body: dict[str, Any] = {"checkpoint": SMALL}
    body |= {"keys-values": {"relation": "I_C1"}, "rings": {"edit": "none"}}.get(path, {})
    response = client.post(path, json=body | change)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field


def test_rings_of_an_unknown_edit_are_404(client: TestClient) -> None:
    assert client.post("rings", json={"checkpoint": SMALL, "edit": "none"}).status_code == 404
