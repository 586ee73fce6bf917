"""Exports hold what the other routes answer, and what it takes to compute it again."""

from __future__ import annotations

import base64
import csv
import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from shatterscope.backend.checkpoints import Checkpoint

EDITS = [{"subject": 7, "relation": "I_C2", "distance": 40, "method": "rome"}]
ASKED = {"checkpoint": "rings-small", "edits": EDITS, "relation": "I_C2", "dimensions": 2, "align": "none"}


def points(array: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(array["bdata"]), "<f4").reshape(array["shape"])


def test_json_is_what_the_other_routes_answer(client: TestClient, checkpoint: Checkpoint) -> None:
    export = client.post("exports", json={**ASKED, "link": "?e=1"}).json()
    edit = client.post("edits", json={"checkpoint": "rings-small", "edits": EDITS}).json()
    assert export["edit"] == edit
    picture = {key: ASKED[key] for key in ("checkpoint", "relation", "dimensions", "align")}
    projection = client.post("projections", json={**picture, "edit": edit["id"]}).json()
    for side in ("before", "after"):
        exported = np.array(export["coordinates"][side], dtype=np.float32)
        np.testing.assert_array_equal(exported, points(projection[side]))
    assert export["coordinates"]["place"] == projection["order_position"]
    evaluation = client.post("evaluations", json={"checkpoint": "rings-small", "edit": edit["id"]}).json()
    assert export["evaluation"]["shattering"] == evaluation["shattering"]
    told = export["provenance"]
    assert told["checkpoint_sha256"] == checkpoint.sha256
    assert told["edits"] == [item["spec"] for item in edit["edits"]]
    assert (told["edit"], told["align"], told["dimensions"], told["link"]) == (edit["id"], "none", 2, "?e=1")
    assert told["n_neighbors"] == projection["diagnostics"]["before"]["n_neighbors"]
    assert told["n_neighbors_asked"] == "auto"
    assert {"shatterscope", "torch", "numpy", "python"} <= set(told["versions"])


def test_what_was_exported_can_be_made_again_from_it(client: TestClient) -> None:
    told = client.post("exports", json=ASKED).json()["provenance"]
    again = client.post("edits", json={"checkpoint": told["checkpoint"], "edits": told["edits"]})
    assert again.json()["id"] == told["edit"]


@pytest.mark.parametrize("edits", [EDITS, []])
def test_csv_is_one_table_behind_its_provenance(client: TestClient, edits: list[dict[str, Any]]) -> None:
    asked = {**ASKED, "edits": edits}
    answer = client.post("exports", params={"format": "csv"}, json=asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = answer.text.splitlines()
    told = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    export = client.post("exports", json=asked).json()
    assert told["checkpoint_sha256"] == export["provenance"]["checkpoint_sha256"]
    assert json.loads(told["edits"]) == export["provenance"]["edits"]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    entities = [row for row in rows if row["record"] == "entity"]
    for side in ("before", "after"):
        read = [[float(row[f"{side}_x"]), float(row[f"{side}_y"])] for row in entities]
        assert read == export["coordinates"][side]
    assert all(row["before_z"] == "" for row in entities), "a flat picture has no z"
    shapes = {row["name"]: (row["before"], row["after"]) for row in rows if row["record"] == "shape"}
    judged = [export["diagnostics"][side]["shape"] for side in ("before", "after")]
    for side, shape in enumerate(judged):
        assert shapes.pop(f"verdict {shape['verdict']}", ("1", "1"))[side] == "1"
    assert {name: tuple(map(float, pair)) for name, pair in shapes.items()} == {
        name: (value, judged[1][name]) for name, value in judged[0].items() if name != "verdict"
    }
    metrics = {(row["name"], row["order"], row["sub_graph"]): row for row in rows if row["record"] == "metric"}
    if edits:
        r = metrics["R", "", "edit"]
        assert float(r["after"]) == export["evaluation"]["shattering"]["edit"]
        sites = {(row["site"], part): row[part] for row in export["sites"] for part in ("edit", "retain", "test")}
        told_r = {
            (name.removeprefix("R at "), part): row for (name, _, part), row in metrics.items() if "R at " in name
        }
        assert {at: float(row["after"] or "nan") for at, row in told_r.items()} == pytest.approx(
            {at: float("nan") if value is None else value for at, value in sites.items()}, nan_ok=True, rel=0
        )
        assert sites["resid_post.1", "edit"] == export["evaluation"]["shattering"]["edit"]
        score = export["evaluation"]["scores"][0]
        row = metrics[f"accuracy {score['task']}", score["order"], score["sub_graph"]]
        assert float(row["change"]) == score["accuracy"]["change"]
    else:
        assert float(metrics["accuracy direct", "I", ""]["after"]) == export["accuracy"]["direct"]["I"]
        sampled = metrics["sampled accuracy direct", "I", ""]
        first = next(score for score in export["unedited"] if (score["task"], score["order"]) == ("direct", "I"))
        assert (float(sampled["after"]), int(sampled["n"])) == (first["accuracy"]["after"], first["n_queries"])
        assert int(metrics["accuracy direct", "I", ""]["n"]) == first["n_available"]
        assert export["edit"] is export["evaluation"] is export["sites"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"checkpoint": "none"}, "body.checkpoint"),
        ({"relation": "X_C1"}, "body.relation"),
        ({"site": "nowhere"}, "body.site"),
        ({"edits": [{"subject": 10**6, "relation": "I_C1", "distance": 1}]}, "body.edits.0.subject"),
    ],
)
def test_a_bad_request_names_its_field(client: TestClient, change: dict[str, Any], field: str) -> None:
    answer = client.post("exports", json={**ASKED, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
