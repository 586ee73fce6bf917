"""The league table from the command to the API and the page's callback."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dash_page import DashPage
from fastapi import FastAPI
from papers import paper
from starlette.testclient import TestClient

from scripts import patch_table
from shatterscope.app import main as dashboard
from shatterscope.app.pages.league import names
from shatterscope.app.pages.league import rows as league_page
from shatterscope.app.pages.league.state import LeagueView
from shatterscope.backend.api import create_app
from shatterscope.backend.checkpoints import load_checkpoint
from shatterscope.backend.commands.printed_league import as_markdown
from shatterscope.backend.league.rows import read_rows, shipped_file
from shatterscope.backend.league.table import league
from shatterscope.backend.settings import REPOSITORY, Settings, load_settings
from shatterscope.wire.league import League
from tests.test_cli import Run, run

SMALL = "rings-small"
__all__ = ["run"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With a models folder that the test may ship to."""
    models = tmp_path / "models"
    shutil.copytree(REPOSITORY / "models_cache" / SMALL, models / SMALL, ignore=shutil.ignore_patterns("league"))
    values = {
        "state_dir": tmp_path / "state",
        "models_dir": models,
        "device": "cpu",
        "warm_up": False,
        "default_checkpoint": SMALL,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"SHATTERSCOPE_{name.upper()}", str(value))
    return load_settings()


@pytest.fixture
def app(settings: Settings) -> Iterator[FastAPI]:
    app = create_app(settings)
    dashboard.create_app(app)
    yield app
    app.state.laboratory.close()


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://testserver/api/v1/")


def test_from_the_command_to_the_page(run: Run, client: TestClient, app: FastAPI, tmp_path: Path) -> None:
    missing = client.get(f"checkpoints/{SMALL}/league")
    assert missing.status_code == 404
    assert "shatterscope league rings-small --set open --ship" in missing.json()["detail"]

    file = tmp_path / "table.csv"
    asked = ("--method", "rome:tuned", "--method", "grace:tuned", "--edits", 1, "--stacks", "2")
    status, out, err = run("league", SMALL, *asked, "--ship", "--csv", file)
    assert status == 0, err
    assert "kept 2" in out
    assert "open.jsonl.gz" in err
    status, out, _ = run("league", SMALL, "--edits", 0, "--json")
    assert status == 0

    found = client.get(f"checkpoints/{SMALL}/league")
    assert found.status_code == 200
    table = League.model_validate(found.json())
    assert json.loads(out)["rows"] == found.json()["rows"]
    assert [(row.method, row.preset) for row in table.rows] == [("rome", "tuned"), ("grace", "tuned")]
    assert table.sets == ["open"]
    assert all(row.stacks[0].after == 2 for row in table.rows)
    answer = client.get(f"checkpoints/{SMALL}/league", params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="league-rings-small-open.csv"'
    assert answer.text == file.read_text()
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["method"] for row in rows] == ["rome", "grace"]

    far = client.get(f"checkpoints/{SMALL}/league", params={"distance": table.distances[0]}).json()
    assert {row["edits"] for row in far["rows"]} == {1}
    wrong = client.get(f"checkpoints/{SMALL}/league", params={"distance": 77})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "query.distance"
    assert client.get(f"checkpoints/{SMALL}/league", params={"set": "sealed"}).status_code == 404

    with TestClient(app) as pages:
        page = DashPage(pages, "/league/")
        page.set("url-in", "data", {"path": "/league", "query": "?by=weights&d=4", "at": 1})
        shown = page.values[names.TABLE, "rows"]
        assert [row["key"] for row in shown] == ["rome-tuned"]
        assert "m=rome&p=tuned" in shown[0]["href"]
        assert page.values["url-out", "data"] == "c=rings-small&d=4&by=weights"
        page.set(names.FAMILY, "value", "beside")
        assert [row["key"] for row in page.values[names.TABLE, "rows"]] == ["grace-tuned"]
        page.set(names.SET, "value", "sealed")
        empty = json.dumps(page.values[names.EMPTY, "children"])
        assert "shatterscope league rings-small --set sealed --ship" in empty
        assert "/league?c=rings-small&d=4&by=beside" in empty, "leads to a table that there is"
        assert page.values[names.CHOICES, "hidden"], "there is nothing to choose from"
        page.set("url-in", "data", {"path": "/league", "query": "?d=77", "at": 2})
        assert not page.values[names.CHOICES, "hidden"]
        assert page.values[names.DISTANCE, "value"] == "all"
        assert page.values["notice", "children"] == "There are no edits at distance 77 here, so all are shown."


def test_pictures_have_a_column_where_there_were_any() -> None:
    """The model `rings-2048` draws no ring that could be lost, `tree` draws trees, of one group."""
    for name, whole in (("rings-2048", False), ("tree", True)):
        rows = read_rows(shipped_file(REPOSITORY / "models_cache" / name, "open"))
        assert rows is not None
        found = league(rows)
        columns = [column["key"] for column in league_page.columns(found, LeagueView())]
        assert ("whole" in columns) == whole
        assert ("R_test" in columns) != whole
        assert bool(league_page.none_whole(found)) != whole
        assert ("corrective" in league_page.over(found)) == (0 in found.distances)


@pytest.mark.parametrize(("R", "text"), [(0, "0"), (0.1, "0.10"), (0.0041, "0.0041"), (3.7e-5, "3.7e-5"), (12.0, "12")])
def test_a_number_has_two_digits_whatever_its_size(R: float, text: str) -> None:
    assert league_page.short(R) == text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "closed"], "--set closed: there are open and sealed"),
        (["--stacks", "10,x"], "give numbers of edits from 1 on"),
        (["--method", "nope"], "unknown method 'nope'"),
        (["--edits", "0", "--distance", "77"], "--distance 77: there are edits at"),
    ],
)
def test_what_cannot_be_is_told(run: Run, options: list[str], said: str) -> None:
    status, _, err = run("league", SMALL, *options)
    assert status == 1
    assert said in err


SHIPPED = sorted(path.parent.parent for path in (REPOSITORY / "models_cache").glob("*/league/open.jsonl.gz"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_the_tables_of_the_paper_are_those_of_the_shipped_rows(folder: Path) -> None:
    rows = read_rows(shipped_file(folder, "open"))
    assert rows is not None
    assert rows.header.checkpoint_identity == load_checkpoint(folder).identity
    assert as_markdown(league(rows)) in paper("docs/LEAGUE.md")
    assert as_markdown(league(rows, max(rows.header.distances))) in paper("docs/LEAGUE.md")


def test_patch_and_rome_in_the_results_are_those_of_the_shipped_rows() -> None:
    rows = read_rows(shipped_file(REPOSITORY / "models_cache" / "rings-2048", "open"))
    assert rows is not None
    assert "\n".join([patch_table.HEAD, *patch_table.rows(rows)]) in paper("docs/RESULTS.md")


def test_a_view_is_its_address() -> None:
    view = LeagueView("rings-2048", "sealed", 0, "beside", "full", "generality", "-R_edit")
    assert LeagueView.from_query(view.to_query()) == (view, [])
    assert LeagueView().to_query() == ""
    broken, notices = LeagueView.from_query("?set=x&d=-3&by=y&sort=%3Cb%3E")
    assert broken == LeagueView()
    assert len(notices) == 3
