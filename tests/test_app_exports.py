"""Files of the Compare and the Reproduce page, from their addresses. (Opened in a browser: test_page_file.py.)"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import zipfile
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from safetensors.torch import load
from starlette.testclient import TestClient

from shatterscope.app.main import create_app
from shatterscope.app.pages.compare.tables import joined
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.reproduction import protocol
from shatterscope.backend.reproduction.report import Run
from shatterscope.backend.reproduction.shipped import ship
from shatterscope.wire.sweeps import SweepRequest
from tests.test_reproduction import make_row
from tests.test_reproduction_api import own_models, shipped

__all__ = ["own_models", "shipped"]

SMALL = "rings-small"
QUERY = "?c=rings-small&q=7~I_C2&t=d40&by=rome:tuned&by=grace:tuned"


@pytest.fixture
def site(app: FastAPI) -> TestClient:
    create_app(app)
    return TestClient(app)


def table(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """What the lines that begin with `#` tell, and the rows."""
    lines = text.splitlines()
    told = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return told, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def specs(method: str) -> dict[str, Any]:
    return {"subject": 7, "relation": "I_C2", "distance": 40, "method": method, "preset": "tuned"}


# --- Compare ---------------------------------------------------------------------------------------------------------


def test_a_comparison_is_exported_with_what_the_api_says_of_every_variant(
    site: TestClient, checkpoint: Checkpoint
) -> None:
    answer = site.get(f"/compare/export.json{QUERY}")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="shatterscope-compare-rings-small-7-I_C2-d40.json"'
    )
    found = answer.json()
    assert found["checkpoint_sha256"] == checkpoint.sha256
    assert found["link"].startswith(
        "http://testserver/compare?c=rings-small&q=7~I_C2&t=d40&by=rome:tuned&by=grace:tuned&run=1&h="
    )
    told, rows = table(site.get(f"/compare/export.csv{QUERY}").text)
    assert told["checkpoint_sha256"] == checkpoint.sha256
    for variant in found["variants"]:
        method = variant["method"]
        made = site.post("/api/v1/edits", json={"checkpoint": SMALL, "edits": [specs(method)]}).json()
        assert variant["edit"]["edits"] == made["edits"]
        asked = {"checkpoint": SMALL, "edit": made["id"]}
        evaluation = site.post("/api/v1/evaluations", json=asked).json()
        assert variant["evaluation"]["shattering"] == evaluation["shattering"]
        assert variant["row"]["r_edit"] == evaluation["shattering"]["edit"]
        assert told[f"edit ({method}:tuned)"] == made["id"] == variant["provenance"]["edit"]
        mine = [row for row in rows if row["method"] == method]
        r = next(row for row in mine if (row["name"], row["sub_graph"]) == ("R", "edit"))
        assert float(r["after"]) == evaluation["shattering"]["edit"]
        success = next(row for row in mine if row["name"] == "success")
        assert float(success["after"]) == made["edits"][0]["success"]
        entities = [row for row in mine if row["record"] == "entity"]
        assert [float(row["after_z"]) for row in entities] == [z for _, _, z in variant["coordinates"]["after"]]


def test_weights_of_every_variant_are_in_one_archive(site: TestClient, checkpoint: Checkpoint) -> None:
    whole, change = (
        zipfile.ZipFile(io.BytesIO(site.get(f"/compare/export.{kind}{QUERY}").content)) for kind in ("zip", "delta.zip")
    )
    assert whole.namelist() == ["rome-tuned.safetensors", "grace-tuned.safetensors"]
    assert change.namelist() == ["rome-tuned.delta.safetensors", "grace-tuned.delta.safetensors"]
    for name in ("rome-tuned", "grace-tuned"):
        weights = load(whole.read(f"{name}.safetensors"))
        assert checkpoint.model.state_dict().keys() <= weights.keys()
        assert any("codebook" in key for key in weights) == name.startswith("grace")


def test_a_variant_that_is_refused_says_why_beside_the_others(site: TestClient) -> None:
    query = "?c=rings-small&e=4444~I_C1~d5~rome~~tuned~1&by=rome:tuned&by=ft:tuned"
    for kind in ("html", "json", "csv", "zip"):
        answer = site.get(f"/compare/export.{kind}{query}")
        assert answer.status_code == 422
        assert "0..255" in answer.text
    there, here = "# link: /compare?a=1\n# edit: x\nrecord,name\nmetric,R\n", "# link: /compare?a=1\n# edit: y\n"
    text = joined(
        [("rome:tuned", None, there), ("ft:paper", "It <failed>.", ""), ("memit:tuned", None, here + "record,name\n")]
    )
    told, rows = table(text)
    assert told == {"link": "/compare?a=1", "edit (rome:tuned)": "x", "edit (memit:tuned)": "y"}
    assert rows == [
        {"method": "rome", "preset": "tuned", "record": "metric", "name": "R"},
        {"method": "ft", "preset": "paper", "record": "problem", "name": "It <failed>."},
    ]


# --- Reproduce -------------------------------------------------------------------------------------------------------


def test_a_run_is_exported_with_its_numbers_protocol_and_command(
    settings: Any,
    shipped: Path,
    own_models: Path,
    checkpoint: Checkpoint,
) -> None:
    server = create_api(settings.model_copy(update={"models_dir": own_models}))
    create_app(server)
    with TestClient(server) as site:
        query = f"?c={SMALL}"
        found = site.get(f"/reproduce/export.json{query}").json()
        run = site.get(f"/api/v1/checkpoints/{SMALL}/reproduction").json()
        assert found["single"] == run["single"]
        assert found["sequence"] == run["sequence"]
        assert found["checkpoint_sha256"] == checkpoint.sha256
        asked = [SweepRequest.model_validate(each) for each in found["protocol"]]
        assert asked == [protocol.single_edits(SMALL, 3), protocol.sequences(SMALL, 5)]
        told, rows = table(site.get(f"/reproduce/export.csv{query}").text)
        assert told["checkpoint_sha256"] == checkpoint.sha256
        assert json.loads(told["provenance of single edits"])["seed"] == 0
        cell = run["single"]["shattering"][0]
        line = next(row for row in rows if (row["record"], row["name"]) == ("shattering", cell["sub_graph"]))
        assert (float(line["value"]), int(line["n"])) == (cell["shattering"]["mean"], cell["shattering"]["n"])
        points = [row for row in rows if row["record"] == "fit point"]
        assert [float(row["R"]) for row in points] == [
            point["shattering"] for fit in run["single"]["fits"] for point in fit["points"]
        ]
        assert site.get(f"/reproduce/export.zip{query}").status_code == 404
        file = site.get(f"/reproduce/export.html{query}").text
        words = shlex.join(["shatterscope", "reproduce", SMALL, "--edits=3", "--seed=0", "--sequence-edits=5"])
        assert words in file
        # Another protocol cannot be asked for by that command: the sweep itself is written down.
        other = protocol.single_edits(SMALL, 3).model_copy(update={"queries": 7})
        lines = [make_row(i, checkpoint_sha256=checkpoint.sha256).model_dump_json() for i in range(3)]
        ship(own_models / SMALL, (Run("s2", checkpoint.sha256, other, 3), lines), None)
        file = site.get(f"/reproduce/export.html{query}").text
        assert "/api/v1/sweeps -H" in file
        assert '"queries":7' in file


def test_where_no_run_ships_there_is_nothing_to_take_away(site: TestClient) -> None:
    answer = site.get("/reproduce/export.html?c=rings-small")
    assert answer.status_code == 409
    assert "No run ships with rings-small" in answer.text


# --- titles and links ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "title", "link"),
    [
        (
            "/export.html?c=rings-small&e=7~I_C2~d40~rome~0~tuned~1",
            r"On ring I, who stands 2 steps clockwise of 7\? Taught: \d+ instead of \d+, by ROME, on Rings, small",
            "/?c=rings-small",
        ),
        ("/export.html?c=rings-small", "Rings, small: the unedited model", "/?c=rings-small"),
        (
            f"/compare/export.html{QUERY}",
            r"On ring I, who stands 2 steps clockwise of 7\? Taught: \d+ instead of \d+, by ROME and GRACE, on Rings, small",
            "/compare?c=rings-small",
        ),
    ],
)
def test_a_file_says_plainly_what_it_shows_and_where_to_find_it(
    site: TestClient, path: str, title: str, link: str
) -> None:
    text = site.get(path, headers={"host": "lab-server:8050"}).text
    found = re.search(r"<h1>(.*?)</h1>", text)
    assert found
    assert re.fullmatch(title, found[1])
    assert f"<title>{found[1]} · Shatterscope</title>" in text
    assert f'href="http://lab-server:8050{link}' in text


def test_the_public_address_stands_in_files_of_every_kind(app: FastAPI) -> None:
    create_app(app, public_url="https://rings.example.org")
    site = TestClient(app)
    for format in ("html", "json", "csv"):
        assert "https://rings.example.org/?c=rings-small" in site.get(f"/export.{format}?c=rings-small").text


def test_an_edit_at_strength_0_is_in_no_title_and_no_count(site: TestClient) -> None:
    gone, there = "7~II_C2~d40~rome~0~tuned~0", "9~I_C1~d40~rome~0~tuned~1"
    told = site.get(f"/export.html?c=rings-small&q=9~I_C1&e={there}&e={gone}")
    assert told.headers["content-disposition"].count("9-I_C1-d40-rome")
    assert "of 9?" in told.text.partition("</title>")[0]
    assert "other edit" not in told.text.partition("</title>")[0]
    assert "base + 1 edit ·" in told.text
    none = site.get(f"/export.html?c=rings-small&q=7~II_C2&e={gone}")
    assert "the unedited model" in none.text.partition("</title>")[0]
    assert "unedited" in none.headers["content-disposition"]
    side = site.get(f"/compare/export.html?c=rings-small&e={there}&e={gone}&by=rome:tuned&by=ft:tuned")
    assert "of 9?" in side.text.partition("</title>")[0]
    assert "The same edit by" in side.text


def test_where_a_fact_can_be_written_is_in_a_file_where_it_was_on_the_page(site: TestClient) -> None:
    query = "c=rings-small&e=7~I_C2~d40~grace~0~tuned~1"
    told = site.get(f"/export.html?{query}&open=placements").text
    assert "Where can this fact be written?" in told
    assert told.count("GRACE writes at the relation's token alone") == 2
    assert "Write it here" not in told
    assert "open=placements" not in told
    assert "Where can this fact be written?" not in site.get(f"/export.html?{query}").text
