"""Files and links made by the first version go on working in every later one (`data/first_version`, whose README says what is what).

All of it goes through surfaces that stay: the HTTP API, the command line, and the files themselves. So the program may be built in another
way inside, and these tests need no change but of the few imports below.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
import sqlite3
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from starlette.testclient import TestClient

from shatterscope.app.main import create_app as add_pages
from shatterscope.backend.api import create_app
from shatterscope.backend.cli import main
from shatterscope.backend.settings import load_settings

Json = dict[str, Any]
Run = Callable[..., tuple[int, str]]
Export = Callable[..., Path]

FIRST = Path(__file__).parent / "data" / "first_version"
MODELS, EXPORTS = FIRST / "checkpoints", FIRST / "exports"
TINY = "tiny"

# The same edit is not the same to the last digit everywhere: libraries of linear algebra add up in different orders, and an optimisation
# of many steps carries that on.
R_TOLERANCE = 1e-3
# Of an accuracy, one question in a hundred may be answered otherwise: two answers can be nearly as likely.
SHARE_TOLERANCE = 0.01


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


LINKS: list[Json] = read(FIRST / "links.json")
STATE: Json = read(FIRST / "state.json")


# --- what an export says ---------------------------------------------------------------------------------------------
# Only what is here is compared. A later version may say more.

# Of these a later version may say something else: when, where and by what it was made.
OF_ITS_TIME = ("created", "link", "versions", "paper")

# The first version had a new fact followed by its inverse lead elsewhere than the inverse of the new fact: one question of portability could not be answered right.
CORRECTED = ("portability",)


def told(export: Json) -> Json:
    """What the JSON of one model says, short: of Explore, or of one variant of Compare."""
    edit, measured = export["edit"], export["evaluation"]
    found: Json = {
        "provenance": {name: value for name, value in export["provenance"].items() if name not in OF_ITS_TIME},
    }
    if edit is None:
        return found | {"accuracy": export["accuracy"], "unedited": scores(export["unedited"])}
    return found | {
        "outcomes": [
            {name: each[name] for name in ("old_object", "new_object", "prediction_after", "success")}
            | {"probability": each["probability_after"]}
            for each in edit["edits"]
        ],
        "R": {part: measured["shattering"][part] for part in ("edit", "retain", "test")},
        "R by site": {row["site"]: [row[part] for part in ("edit", "retain", "test")] for row in export["sites"]},
        "accuracy": scores(measured["scores"]),
        "quality": {name: each and each["accuracy"]["after"] for name, each in measured["quality"].items()},
    }


def scores(each: list[Json]) -> Json:
    return {f"{score['task']} {score['order']}": score["accuracy"]["after"] for score in each}


def page_state(link: str) -> list[str]:
    """The parts of a link that say what the page shows, without those that say on which weights."""
    return sorted("=".join(part) for part in parse_qsl(urlsplit(link).query) if part[0] not in ("c", "h", "ver"))


def read_export(export: Json) -> Json:
    """The same of every page, and what its link says of the page."""
    if "variants" in export:
        variants = [{name: each[name] for name in ("method", "preset")} | told(each) for each in export["variants"]]
        return {"page": page_state(export["link"]), "checkpoint": export["checkpoint"], "variants": variants}
    if "protocol" in export:
        asked = {name: export[name] for name in ("checkpoint", "checkpoint_sha256", "sweeps", "protocol")}
        return {"page": page_state(export["link"]), **asked}
    return {"page": page_state(export["provenance"]["link"]), **told(export)}


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where `now` does not say what `before` says. Numbers may differ a little; what is only in `now` is no difference."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            if name in CORRECTED:
                continue
            if name in now:
                yield from differences(value, now[name], f"{place}/{name}")
            else:
                yield f"{place}/{name}: gone"
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for i, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, f"{place}/{i}")
    elif type(before) is float and isinstance(now, (int, float)):
        if not close(before, now, place):
            yield f"{place}: {before} became {now}"
    elif before != now:
        yield f"{place}: {str(before)[:200]!r} became {str(now)[:200]!r}"


def close(before: float, now: float, place: str) -> bool:
    """Whether two numbers are the same but for the order in which they were added up."""
    if "/edits/" in place or "/protocol/" in place:  # what was asked for, not what was measured
        return before == now
    share = any(name in place for name in ("accuracy", "quality", "unedited", "probability"))
    return math.isclose(before, now, rel_tol=R_TOLERANCE, abs_tol=SHARE_TOLERANCE if share else 1e-6)


# --- the program, with the files of the first version ----------------------------------------------------------------


def put_state(folder: Path) -> None:
    """The state folder of a server of the first version."""
    folder.mkdir()
    (folder / "secret.key").write_bytes(bytes.fromhex(STATE["secret.key"]))
    database = sqlite3.connect(folder / "shatterscope.db")
    database.executescript((FIRST / "state.sql").read_text(encoding="utf-8"))
    # A room ends after a day. This one is still of today.
    database.execute("UPDATE rooms SET created = ?, expires = ?", (time.time() - 60, time.time() + 3600))
    database.commit()
    database.close()


def set_environment(patch: pytest.MonkeyPatch, state: Path) -> None:
    """The first version's checkpoint, lesson and database, for servers and commands alike."""
    values = {
        "STATE_DIR": state,
        "MODELS_DIR": MODELS,
        "LESSONS_DIR": FIRST / "lessons",
        "DEVICE": "cpu",
        "WARM_UP": "false",
        "SWEEP_WORKERS": "1",
    }
    for name, value in values.items():
        patch.setenv(f"SHATTERSCOPE_{name}", str(value))


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written goes to this test's folder."""
    put_state(tmp_path / "state")
    set_environment(monkeypatch, tmp_path / "state")


@pytest.fixture
def client(environment: None) -> Iterator[TestClient]:
    app = create_app(load_settings())
    with TestClient(app, base_url="http://testserver/api/v1/", raise_server_exceptions=False) as client:
        yield client
    app.state.laboratory.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One server with its pages for all links: what many of them need is computed once."""
    state = tmp_path_factory.mktemp("first") / "state"
    put_state(state)
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, state)
        app = create_app(load_settings())
    add_pages(app)
    with TestClient(app) as site:
        yield site
    app.state.laboratory.close()


def file_of(site: TestClient, link: str, format: str) -> str:
    """The file that a page's address gives, which is what a link comes to."""
    parts = urlsplit(link)
    if parts.path.startswith("/v/"):
        parts = urlsplit(site.get(parts.path, follow_redirects=False).headers["location"])
    answer = site.get(f"{parts.path.rstrip('/')}/export.{format}?{parts.query}")
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
def run(environment: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: its exit status, and what it printed to stderr."""

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["shatterscope", *map(str, words)])
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        assert isinstance(status, int)
        return status, capsys.readouterr().err

    return run


@pytest.fixture
def export(run: Run, tmp_path: Path) -> Export:
    """Writes the file of a link without a server."""

    def export(link: str, name: str) -> Path:
        status, said = run("export", link, tmp_path / name)
        assert status == 0, said
        return tmp_path / name

    return export


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- checkpoints and recipes -----------------------------------------------------------------------------------------


def test_the_checkpoint_loads_and_is_what_it_was(client: TestClient) -> None:
    wrote = read(MODELS / TINY / "checkpoint.json")
    (found,) = client.get("checkpoints").json()
    assert found["id"] == TINY
    assert found["sha256"] == wrote["sha256"]["weights.safetensors"]
    for name in ("title", "note", "accuracy", "rings"):
        assert not [*differences(wrote[name], found[name], name)]
    for part, names in (("graph", ("n_entities", "n_orders", "n_hops")), ("model", ("n_layers", "d_model", "n_heads"))):
        assert {name: found[part][name] for name in names} == {name: wrote[part][name] for name in names}


def test_its_rings_are_judged_as_they_were(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(MODELS, tmp_path / "models")
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path / "models"))
    status, said = run("checkpoints", "--judge")
    assert (status, said) == (0, "")
    wrote, now = (read(folder / TINY / "checkpoint.json") for folder in (MODELS, tmp_path / "models"))
    assert not [*differences(wrote, now)]


def test_a_recipe_trains(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHATTERSCOPE_MODELS_DIR", str(tmp_path))
    status, said = run("train", FIRST / "recipe.toml", "--name", "again", "--steps", "3")
    assert status == 0, said
    recipe = tomllib.loads((FIRST / "recipe.toml").read_text(encoding="utf-8"))
    wrote, now = (read(file / "checkpoint.json") for file in (MODELS / TINY, tmp_path / "again"))
    for name in ("title", "note", "graph", "model"):
        assert not [*differences(recipe[name], now[name], name)]
        assert not [*differences(wrote[name], now[name], name)]
    # The whole configuration, defaults as well: the same recipe goes on meaning the same training. `--steps` scales what counts steps.
    counts = ("steps", "decay_steps", "warmup", "gain_steps")
    before, after = (each["training"]["config"] for each in (wrote, now))
    assert not [each for each in differences(before, after) if not each.partition(":")[0].endswith(counts)]
    assert after["rounds"][0]["steps"] == 3


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [pytest.param(each, id=each["name"]) for each in LINKS if each["expect"]])
def test_a_link_comes_to_what_it_came_to(link: Json, site: TestClient) -> None:
    found = read_export(json.loads(file_of(site, link["link"], "json")))
    assert not [*differences(link["expect"], found)]


@pytest.mark.parametrize("link", [pytest.param(each, id=each["name"]) for each in LINKS if not each["expect"]])
def test_a_link_that_cannot_be_shown_is_never_shown_as_something_else(link: Json, run: Run, tmp_path: Path) -> None:
    status, said = run("export", link["link"], tmp_path / "export.json")
    assert status == 1
    assert "not here" in said or "not on this server" in said
    assert not (tmp_path / "export.json").exists()


def test_a_lesson_of_ones_own_can_be_used(client: TestClient, run: Run) -> None:
    lesson = client.get("lessons/my-lesson").json()
    assert [step["title"] for step in lesson["steps"]] == ["A ring", "What if we change one fact?"]
    assert lesson["steps"][1]["question"]["right"] == 2
    status, said = run("lesson", "check", FIRST / "lessons" / "my-lesson")
    assert status == 0, said


# --- the database ----------------------------------------------------------------------------------------------------


def test_the_edit_is_known(client: TestClient) -> None:
    edit = STATE["edit"]
    found = client.get(f"edits/{edit['id']}").json()
    assert found["id"] == edit["id"]
    specification = [each["spec"] for each in found["edits"]]
    assert not [*differences(edit["specification"], specification, "/edits/")]
    again = client.post("edits", json={"checkpoint": TINY, "edits": specification}).json()
    assert again["id"] == edit["id"], "the same edits have the same id"


def test_the_saved_view_and_the_short_link_are_there(client: TestClient) -> None:
    view, short = STATE["view"], STATE["short link"]
    (found,) = client.get("views").json()
    for name in ("id", "state", "title", "note", "checkpoint", "sha256", "created"):
        assert found[name] == view[name]
    assert client.get(f"views/{short['id']}").json()["state"] == short["state"]
    asked = {name: short[name] for name in ("state", "checkpoint", "sha256")}
    assert client.post("views", json=asked).json()["id"] == short["id"], "the same view has the same short link"
    assert client.delete(f"views/{view['id']}", headers=bearer("guess")).status_code == 403
    assert client.delete(f"views/{view['id']}", headers=bearer(view["token"])).status_code == 204
    assert client.get("views").json() == []


def test_the_room_is_resumed(client: TestClient) -> None:
    room = STATE["room"]
    path, heard = f"rooms/{room['id']}", []
    before = client.get(path).json()
    assert before["revision"] >= room["revision"]
    follower = threading.Thread(target=lambda: heard.append(client.get(f"{path}/events").text))
    follower.start()
    while client.get(path).json()["followers"] < 1:
        time.sleep(0.01)
    assert client.put(f"{path}/state", json={"state": {}}, headers=bearer("guess")).status_code == 403
    state = {**room["state"], "query": "?c=tiny"}
    told = client.put(f"{path}/state", json={"state": state}, headers=bearer(room["token"]))
    assert told.json()["revision"] > before["revision"]
    assert client.delete(path, headers=bearer(room["token"])).status_code == 204
    follower.join()
    lines = [line.removeprefix("data: ") for line in heard[0].splitlines() if line.startswith("data: ")]
    states = [each["state"] for each in map(json.loads, lines) if "state" in each]
    assert states[0] == room["state"], "what the presenter showed last is seen by who comes after"


@pytest.mark.parametrize("sweep", [pytest.param(each, id=each["csv"]) for each in STATE["sweeps"]])
def test_the_sweep_has_its_rows(client: TestClient, sweep: Json) -> None:
    job = client.get(f"jobs/{sweep['id']}").json()
    assert (job["status"], job["done"], job["total"]) == ("done", sweep["rows"], sweep["rows"])
    assert not [*differences(sweep["request"], job["request"])]
    rows = client.get(f"sweeps/{sweep['id']}/rows").json()
    assert [row["index"] for row in rows] == list(range(sweep["rows"]))
    assert client.get(f"sweeps/{sweep['id']}/report").status_code == 200
    before = Table((EXPORTS / sweep["csv"]).read_text(encoding="utf-8"))
    now = Table(client.get(f"sweeps/{sweep['id']}/rows", params={"format": "csv"}).text)
    assert [{name: row.get(name) for name in before.rows[0]} for row in now.rows] == before.rows


def test_a_paused_sweep_goes_on(client: TestClient) -> None:
    paused = STATE["paused"]
    path, rows = f"jobs/{paused['id']}", f"sweeps/{paused['id']}/rows"
    job, before = client.get(path).json(), client.get(rows).json()
    assert (job["status"], job["done"], job["total"]) == ("paused", paused["done"], paused["total"])
    elsewhere = TestClient(client.app, base_url=str(client.base_url), client=("203.0.113.7", 50000))
    assert elsewhere.post(f"{path}/resume", headers=bearer("guess")).status_code == 403
    elsewhere.post(f"{path}/resume", headers=bearer(paused["token"])).raise_for_status()
    while (job := client.get(path).json())["status"] in ("queued", "running"):
        time.sleep(0.05)
    assert (job["status"], job["error"]) == ("done", None)
    now = client.get(rows).json()
    assert [row["index"] for row in now] == list(range(paused["total"]))
    assert [row for row in now if row["index"] in {each["index"] for each in before}] == before


# --- exports ---------------------------------------------------------------------------------------------------------


class Table:
    """A CSV file: what the lines before it tell (`# name: value`), and its rows."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines()
        self.told = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
        self.rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))


def distances(points: list[list[float]]) -> Any:
    """Of all pairs: a picture may be turned or mirrored, and is the same."""
    X = np.array(points)
    return np.linalg.norm(X[:, None] - X[None], axis=-1)


def same_direction(one: Any, other: Any) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("page", ["explore", "compare", "reproduce"])
def test_an_export_is_computed_again_from_its_own_link(page: str, export: Export) -> None:
    before = read(EXPORTS / f"{page}.json")
    now = read(export(link_of(before), "again.json"))
    assert not [*differences(read_export(before), read_export(now))]
    assert not [*gone(before, now)]
    for one, other in zip(pictures(before), pictures(now), strict=True):
        for side in ("before", "after"):
            was, is_ = distances(one[side]), distances(other[side])
            assert np.allclose(was, is_, atol=1e-3 * was.max()), side
        assert one["place"] == other["place"]
    if page == "reproduce":  # of rows that are there: nothing is computed but means
        assert not [*differences(before, now | {"created": before["created"]})]


def link_of(export: Json) -> str:
    return str(export.get("link") or export["provenance"]["link"])


def pictures(export: Json) -> list[Json]:
    found = export.get("variants") or [export]
    return [each["coordinates"] for each in found if "coordinates" in each]


def gone(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Names in a JSON file that a later version does not write any more: scripts of others read them."""
    if isinstance(before, dict) and isinstance(now, dict):
        for name, value in before.items():
            if name in CORRECTED:
                continue
            if name in now:
                yield from gone(value, now[name], f"{place}/{name}")
            else:
                yield f"{place}/{name}"
    elif isinstance(before, list) and isinstance(now, list) and before and now:
        yield from gone(before[0], now[0], f"{place}/0")


@pytest.mark.parametrize("page", ["explore", "compare", "reproduce"])
def test_a_csv_has_the_lines_and_columns_that_it_had(page: str, site: TestClient) -> None:
    before = Table((EXPORTS / f"{page}.csv").read_text(encoding="utf-8"))
    now = Table(file_of(site, before.told["link"], "csv"))
    # Of Compare, what differs between methods has a line each, `edit (rome:tuned)`; so has the time, where a second passed in between.
    told, tells = ({name.partition(" (")[0] for name in each.told} for each in (before, now))
    assert told <= tells
    assert before.rows[0].keys() <= now.rows[0].keys()
    assert {row["record"] for row in before.rows} <= {row["record"] for row in now.rows}
    # Not `shape`: its rows are named by what the picture looks like.
    names = [name for name in ("record", "method", "preset", "name", "order", "sub_graph") if name in before.rows[0]]
    was, is_ = (
        {tuple(row[n] for n in names) for row in each.rows if row["record"] != "shape"} for each in (before, now)
    )
    assert was <= is_


@pytest.mark.parametrize("name", ["stack.safetensors", "stack.delta.safetensors", "grace.delta.safetensors"])
def test_weights_of_the_same_edit_agree(name: str, export: Export) -> None:
    before, now = EXPORTS / name, export(STATE["links"][name.partition(".")[0]], name)
    was, is_ = load_file(before), load_file(now)
    assert was.keys() == is_.keys()
    for key, tensor in was.items():
        assert (tensor.shape, tensor.dtype) == (is_[key].shape, is_[key].dtype), key
        assert same_direction(tensor, is_[key]) >= 0.999, key
        assert np.isclose(np.linalg.norm(tensor), np.linalg.norm(is_[key]), rtol=1e-3), key
    told, tells = (safe_open(file, "numpy").metadata() for file in (before, now))
    assert told.keys() <= tells.keys()
    for key, value in told.items():  # the specification of the edits is among it, as JSON
        if key not in OF_ITS_TIME:
            assert tells[key] == value, key
