"""The Compare page without a browser: its state and the URL, who takes part, and the numbers of a row."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.figures.small import MOST_POINTS, drawn_every
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.main import create_app
from shatterscope.app.pages.compare import rows
from shatterscope.app.pages.compare.job import numbers, picture
from shatterscope.app.pages.compare.plan import counted
from shatterscope.app.pages.compare.state import Comparison, at_first, contenders, offered
from shatterscope.backend import convert
from shatterscope.backend.editors import EDITORS, ORACLE

NAMES = st.from_regex(r"[a-z][a-z-]{0,8}:[a-z]{1,6}", fullmatch=True)
EDITS = st.builds(
    Edit,
    subject=st.integers(0, 255),
    relation=st.sampled_from(("I_C1", "III_A4")),
    target=st.one_of(st.builds(Target, st.integers(-99, 99)), st.builds(Target, st.none(), st.integers(0, 255))),
    method=st.sampled_from(("rome", "ft-l")),
    strength=st.sampled_from((1.0, 0.5)),
)
STATES = st.builds(
    Comparison,
    view=st.builds(
        ViewState,
        checkpoint=st.sampled_from((None, "rings-small")),
        subject=st.integers(0, 255),
        relation=st.from_regex(r"(I|II)_[CA][1-4]", fullmatch=True),
        target=st.builds(Target, st.integers(1, 128)),
        edits=st.lists(EDITS, max_size=3).map(tuple),
    ),
    by=st.none() | st.lists(NAMES, unique=True, max_size=5).map(tuple),
    sort=st.sampled_from(("", "r_edit", "-direct")),
    run=st.booleans(),
)


@given(STATES)
def test_a_link_holds_the_whole_state(state: Comparison) -> None:
    assert Comparison.from_query(state.to_query()) == (state, [])


@given(st.text(max_size=80))
def test_any_address_is_read_without_failing(query: str) -> None:
    state, _ = Comparison.from_query(query)
    assert Comparison.from_query(state.to_query())[0] == state


def test_what_cannot_be_read_is_named() -> None:
    state, notices = Comparison.from_query("by=rome:tuned&by=nonsense&by=rome:tuned&sort=;drop&q=x")
    assert state.by == ("rome:tuned",)
    assert state.sort == ""
    assert len(notices) == 3


@pytest.fixture
def dashboard(app: FastAPI) -> Client:
    return Client(server=app)


async def test_every_contender_makes_the_same_edits_in_its_own_way(dashboard: Client) -> None:
    editors = await dashboard.editors()
    stack = (
        Edit(
            3, "I_C1", Target(5), "memit", layer=1, preset="paper", parameters={"clamp": 2.0}, batch=True, implied=True
        ),
        Edit(4, "II_C2", Target(None, 9), "memit", layer=1, preset="paper", strength=0.5, batch=True),
    )
    found = contenders(Comparison(ViewState("rings-small", edits=stack), tuple(offered(editors))), editors)
    assert [item.name for item in found] == list(offered(editors))
    for item in found:
        preset, _, restraint = item.preset.partition("+")
        assert {(edit.method, edit.preset, edit.layer) for edit in item.edits} == {(item.method, preset, None)}
        assert [(edit.subject, edit.relation, edit.target, edit.strength) for edit in item.edits] == [
            (edit.subject, edit.relation, edit.target, edit.strength) for edit in stack
        ]
        assert all(edit.parameters == ({"restraint": restraint} if restraint else {}) for edit in item.edits)
        takes_batches = next(editor.batches for editor in editors if editor.name == item.method)
        assert all(edit.batch == takes_batches for edit in item.edits)
        assert [edit.implied for edit in item.edits] == [takes_batches, False]
        opened, notices = ViewState.from_query(item.in_explore(ViewState("rings-small")).removeprefix("/?"))
        assert (opened.checkpoint, opened.edits, notices) == ("rings-small", item.edits, [])


async def test_it_starts_with_the_papers_four_methods(dashboard: Client) -> None:
    editors = await dashboard.editors()
    chosen = [item.method for item in contenders(Comparison(), editors)]
    assert sorted(chosen) == ["alphaedit", "memit", "pmet", "rome"]
    assert at_first(editors) == tuple(f"{method}:tuned" for method in chosen)
    assert contenders(Comparison(by=()), editors) == []


async def test_a_row_says_what_the_api_says(app: FastAPI, browser: httpx.AsyncClient) -> None:
    dashboard = Client(server=app)
    edit = Edit(3, "I_C1", Target(60), "rome", preset="tuned")
    job = {"checkpoint": "rings-small", "relation": "I_C1", "marks": {"subject": 3}, "edits": [str(edit)], "d_mlp": 256}
    row, _ = await numbers(dashboard, {**job, "row": rows.row("k", "ROME", "tuned", "/")})
    assert row["state"] == "done"
    made = (await browser.post("/edits", json={"checkpoint": "rings-small", "edits": [edit.to_spec()]})).json()
    found = (await browser.post("/evaluations", json={"checkpoint": "rings-small", "edit": made["id"]})).json()
    cells = {key: cell["value"] for key, cell in row["cells"].items()}
    assert [cells[f"r_{name}"] for name in ("edit", "retain", "test")] == [
        found["shattering"][name] for name in ("edit", "retain", "test")
    ]
    assert cells["success"] == made["edits"][0]["success"]
    assert cells["delta"] == pytest.approx(made["edits"][0]["relative_delta_norm"])
    assert cells["locality"] == found["quality"]["locality"]["accuracy"]["after"]
    direct = [score for score in found["scores"] if score["task"] == "direct"]
    weights = sum(score["n_queries"] for score in direct)
    change = sum(score["accuracy"]["change"] * score["n_queries"] for score in direct) / weights
    assert cells["direct"] == pytest.approx(change)
    assert row["csv"]["direct_n"] == weights
    assert {column.key for column in rows.columns("ring", (await dashboard.world("rings-small")).info.measures)} == set(
        cells
    )
    assert row["cells"]["success"]["text"] == "✓ taken"


async def test_an_edit_that_did_not_take_says_so_in_its_row_and_below_its_picture(dashboard: Client) -> None:
    edits = [Edit(7, "I_C2", Target(4), "rome", preset=preset) for preset in ("reference", "tuned")]
    blank = rows.row("k", "ROME", "reference", "/")
    for stack, text, value in (
        (edits[:1], "✗ not taken", 0),
        (edits, "1 of 2", 0.5),
        ([replace(edits[0], strength=0.0)], "strength 0", None),
    ):
        view = {"checkpoint": "rings-small", "relation": "I_C2", "marks": {}, "edits": [str(each) for each in stack]}
        row, below = await numbers(dashboard, {**view, "d_mlp": 256, "row": blank})
        cell = row["cells"]["success"]
        assert (cell["text"], cell["value"], cell["tone"]) == (text, value, "" if value is None else "bad")
        assert row["csv"]["succeeded"] == (value == 0.5)
        assert text in str(below)


async def test_a_contender_that_is_refused_says_why_in_its_row(dashboard: Client) -> None:
    edit = Edit(3, "I_C1", Target(60), "rome", preset="nonsense")
    job = {"checkpoint": "rings-small", "relation": "I_C1", "marks": {"subject": 3}, "edits": [str(edit)], "d_mlp": 256}
    row, _ = await numbers(dashboard, {**job, "row": rows.row("k", "ROME", "nonsense", "/")})
    assert row["state"] == "failed"
    assert "preset" in row["reason"]
    figure, words = await picture(dashboard, job)
    assert figure["data"] == []
    assert "preset" in str(words)


async def test_tiles_are_drawn_at_the_scale_of_the_unedited_model_when_asked(dashboard: Client) -> None:
    edit = Edit(7, "I_C2", Target(40), "rome", preset="tuned")
    view = {"checkpoint": "rings-small", "relation": "I_C2", "marks": {}}

    async def extent(scale: str, edits: list[str]) -> float:
        figure, said = await picture(dashboard, {**view, "edits": edits}, scale)
        low, high = figure["layout"]["xaxis"]["range"]
        assert ("enlarged" in str(said)) == (scale == "own" and bool(edits))
        return float(high - low)

    assert await extent("own", [str(edit)]) < await extent("own", [])
    assert await extent("same", [str(edit)]) == pytest.approx(await extent("same", []))


async def test_the_picture_draws_every_entity_once_round_and_the_marks(dashboard: Client) -> None:
    view = {"checkpoint": "rings-small", "relation": "I_C1", "marks": {"subject": 3, "old": 4, "new": 9}, "edits": []}
    figure, _ = await picture(dashboard, view)
    path, *marks = figure["data"]
    entities = [entity for entity, _ in path["customdata"]]
    places = [place for _, place in path["customdata"]]
    assert sorted(entities[:-1]) == list(range(256))
    assert entities[-1] == entities[0]
    assert places[:-1] == list(range(256))
    assert [mark["customdata"][0][0] for mark in marks] == [3, 4, 9]


@given(st.integers(3, 100_000))
def test_a_small_picture_never_draws_too_many_points(n: int) -> None:
    assert -(-n // drawn_every(n)) <= MOST_POINTS


def test_each_path_is_a_page_of_its_own(app: FastAPI) -> None:
    create_app(app)
    with TestClient(app) as browser:
        titles = {}
        for path in ("/", "/compare", "/compare/", "/reproduce", "/nowhere", "/compare/nowhere"):
            answer = browser.get(path)
            assert answer.status_code == (404 if "nowhere" in path else 200)
            titles[path] = answer.text.partition("<title>")[2].partition("</title>")[0]
        assert titles["/"] == "Shatterscope"
        assert titles["/compare"] == titles["/compare/"] == "Compare · Shatterscope"
        assert titles["/reproduce"] == "Reproduce · Shatterscope"
        assert browser.get("/api/nowhere").status_code == 404


@pytest.mark.parametrize("prefix", ["", "/compare", "/reproduce"])
def test_callbacks_of_a_page_ask_only_for_what_is_on_it(app: FastAPI, prefix: str) -> None:
    create_app(app)
    with TestClient(app) as browser:
        layout = browser.get(f"{prefix}/_dash-layout").text.replace(" ", "")
        callbacks = browser.get(f"{prefix}/_dash-dependencies").json()
    asked = {item["id"] for callback in callbacks for item in (*callback["inputs"], *callback["state"])}
    assert [name for name in asked if not name.startswith("{") and f'"id":"{name}"' not in layout] == []


def test_the_state_kept_in_the_address_leaves_out_what_is_default() -> None:
    assert Comparison().to_query() == ""
    assert replace(Comparison(), run=True).to_query() == "run=1"


def test_nobody_sees_an_oracle_without_its_control() -> None:
    editors = [convert.editor_info(each) for each in (*EDITORS.values(), ORACLE)]
    view = ViewState(subject=3, relation="I_C1", target=Target(4))
    found = contenders(Comparison(view, by=("rome:tuned", "oracle:learned")), editors)
    assert [each.name for each in found] == ["rome:tuned", "oracle:learned", "oracle:control"]
    assert [each.trained for each in found] == [False, True, True]
    assert [each.in_explore(view) != "" for each in found] == [True, False, False]
    assert counted(found, "edit") == "1 edit and 1 oracle"
    assert counted(found[1:], "edit") == "1 oracle"
    assert counted([], "stack") == "0 stacks"
    implied = contenders(Comparison(view, by=("oracle:learned+implied",)), editors)
    assert [(each.edits[0].preset, each.edits[0].implied) for each in implied] == [("learned", True), ("control", True)]
    stack = Comparison(replace(view, edits=(Edit(3, "I_C1", Target(4), "rome"),) * 2), by=("oracle:learned",))
    assert not any(each.trained for each in contenders(stack, editors))


@pytest.mark.parametrize(
    ("learned", "control", "told"), [(0.2, 0.05, "25 % of it is drift"), (0.05, 0.049, "All of it"), (0.0, 0.0, "All")]
)
def test_the_words_about_drift_are_computed(learned: float, control: float, told: str) -> None:
    assert told in rows.drift(learned, control)
