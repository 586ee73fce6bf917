"""Every page on a world that is not of rings: with names, facts that are not there, several objects that are right."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import families
import numpy as np
import pytest
from dash_page import DashPage
from starlette.testclient import TestClient

from shatterscope.app.main import create_app
from shatterscope.app.pages.reproduce import sentences
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.evaluation.tracing import replaceable
from shatterscope.backend.reproduction.report import without_paper
from shatterscope.backend.settings import load_settings
from shatterscope.backend.worlds import ABSENT, registry
from shatterscope.wire.reproduction import AccuracyCell, Provenance, Report, Spread

EDIT = "7~parent~o5~rome~0~paper~1"
LESSON = "---\ntitle: A family\naudience: Anyone\nminutes: 1\n---\nWho is whose child.\n"
STEP = '---\ntitle: Who\nview: "c=kin"\n---\nA family.\n\n<!-- notes -->\nSay so.\n'
BORN = "3~next%20born~d4~rome~0~paper~1"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server whose only checkpoint is of the families."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.WORLDS, "families", families.Families)
        folder = tmp_path_factory.mktemp("models")
        families.train(folder / "kin")
        lessons = tmp_path_factory.mktemp("lessons")
        (lessons / "kin-tour").mkdir()
        (lessons / "kin-tour" / "lesson.md").write_text(LESSON)
        (lessons / "kin-tour" / "01-who.md").write_text(STEP)
        settings = load_settings(
            models_dir=folder, state_dir=tmp_path_factory.mktemp("state"), lessons_dir=str(lessons), device="cpu"
        )
        server = create_api(settings)
        create_app(server)
        with TestClient(server) as client:
            yield client


def opened(pages: TestClient, prefix: str, query: str = "") -> DashPage:
    page = DashPage(pages, prefix)
    page.set("url-in", "data", {"query": query, "at": 1})
    return page


def text(node: Any) -> str:
    """All that a person reads of it."""
    return json.dumps(node, ensure_ascii=False, default=str)


def test_explore_opens_on_a_question_of_this_world(pages: TestClient) -> None:
    page = opened(pages, "/")
    assert page.values["rail", "data-world"] == "named"
    assert page.values["relation", "value"] == "parent"
    assert [option["group"] for option in page.values["relation", "options"]] == ["the family"] * 2 + [
        "the order of birth"
    ] * 2
    assert page.values["entity", "value"] == "Bea", "the eldest has no parent, so the first who has one is asked about"
    assert page.values["question", "children"] == "Who is the parent of Bea?"
    assert "Ada" in text(page.values["truth", "children"])
    assert page.values["notice", "children"] == ""
    assert "Each branch of the family has its colour." in text(page.values["legend", "children"])


def test_a_step_of_a_lesson_that_names_no_question_asks_the_first(pages: TestClient) -> None:
    page = opened(pages, "/", "?lesson=kin-tour&step=1")
    page.set("lesson-asked", "data", "kin-tour")
    assert page.values["problem-lecture", "children"] == ""
    (step,) = page.values["lesson", "data"]["steps"]
    assert "q=1~parent" in step["query"]
    assert page.values["question", "children"] == "Who is the parent of Bea?"


def test_a_scene_shows_who_has_the_relation_and_joins_neighbours(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=4~parent&t=o9")
    points = page.values["scene-before", "figure"]["data"][0]
    assert "Ada" not in points["text"], "the eldest has no parent"
    assert set(points["text"]) - {""} == {
        name.replace("&", "&amp;").replace("<b>", "&lt;b&gt;") for name in families.NAMES[1:]
    }
    labels = [note["text"] for note in page.values["scene-before", "figure"]["layout"]["scene"]["annotations"]]
    assert labels[:2] == ["subject Eva", "true object Bea"]
    assert "new object Jon" in labels[2]


def test_names_and_numbers_both_find_an_entity(pages: TestClient) -> None:
    page = opened(pages, "/")
    for typed, name in (("fay", "Fay"), ("7", "Hal"), ("Sue", "Sue")):
        page.set("entity", "value", typed)
        assert page.values["question", "children"] == f"Who is the parent of {name}?"
        assert page.values["entity", "value"] == name
    page.set("entity", "value", "Zoe")
    assert "No entity is called 'Zoe'." in text(page.values["notice", "children"])
    assert page.values["question", "children"] == "Who is the parent of Sue?"
    page.set("object", "value", "Ada")
    assert "Ada" in text(page.values["target", "children"])
    page.set("relation", "value", "born before")
    assert page.values["question", "children"] == "Who was born before Sue?"


def test_the_distances_that_there_are_are_offered(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=20~next%20born&t=d2")
    assert [option["value"] for option in page.values["near", "options"]] == [1, 2, 3, 4, 5, 20]
    assert page.values["distance", "max"] == 20
    assert "instead of Vic, 2 steps away" in text(page.values["target", "children"])
    page.set("distance", "value", 77)
    assert page.values["distance", "value"] == 20, "the nearest that there is"


def test_where_there_is_no_fact_nothing_is_asked_or_taught(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=23~next%20born")
    assert "has no next born" in text(page.values["truth", "children"])
    assert page.values["problem-ask", "children"] == ""
    click = {"id": 1, "kind": "apply", "what": None, "value": controls(page), "form": []}
    page.set("clicks", "data", {"queue": [click]})
    assert "has no next born: choose another" in text(page.values["notice", "children"])
    assert page.values["part-model", "data"]["edits"] == []


def controls(page: DashPage) -> dict[str, Any]:
    return {id: value for (id, name), value in page.values.items() if name == "value"}


def test_several_objects_are_all_right(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=0~child")
    assert "Bea or Cid or Dov" in text(page.values["truth", "children"])


def test_an_edit_of_one_of_several_answers_says_which_it_replaces(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=0~child&t=o9")
    assert "instead of Bea, one of 3 right answers" in text(page.values["target", "children"])
    page = opened(pages, "/", "?e=0~child~o9~rome~0~tuned~1")
    shown = text(page.values["outcomes-table", "content"])
    assert "for Bea; 2 other answers stay true" in shown
    assert "Cid, Dov" in shown
    made = page.pages.post("/api/v1/edits", json=taught(9)).json()["edits"][0]
    assert (made["old_object"], made["also_true"], made["kind"]) == (1, [2, 3], "counterfactual")


def test_another_right_answer_is_no_falsehood(pages: TestClient) -> None:
    known = pages.get("/api/v1/checkpoints/kin/facts", params={"subject": 0, "relation": "child"}).json()["prediction"]
    right = next(each for each in (2, 3) if each != known)
    made = pages.post("/api/v1/edits", json=taught(right)).json()["edits"][0]
    assert (made["kind"], made["old_object"], made["distance"]) == ("corrective", right, 0)
    assert made["also_true"] == [each for each in (1, 2, 3) if each != right]


def test_no_consequence_is_asked_of_which_several_answers_are_right() -> None:
    world = families.Families.of(families.FamiliesConfig())
    for relation in world.relations:
        for subject in world.domain(relation).tolist():
            for new in [objects[0] for objects in world.counterfactuals(subject, relation).values()][:2]:
                for each in world.consequences(subject, relation, new):
                    assert all(world.single_valued[world.relation(name).index] for name in each.relations)


def taught(new: int) -> dict[str, Any]:
    return {"checkpoint": "kin", "edits": [{"subject": 0, "relation": "child", "object": new, "method": "rome"}]}


def test_a_click_on_a_point_asks_about_it_or_teaches_it(pages: TestClient) -> None:
    page = opened(pages, "/", "?q=4~parent")
    for number, (role, entity) in enumerate((("subject", 9), ("object", 1), ("object", 2)), 1):
        click = {
            "id": number,
            "kind": "pick",
            "what": {"entity": entity, "as": role},
            "value": controls(page),
            "form": [],
        }
        page.set("clicks", "data", {"queue": [click]})
    assert page.values["question", "children"] == "Who is the parent of Jon?"
    assert "Cid is the true object already" in text(page.values["notice", "children"])
    assert "Bea" in text(page.values["target", "children"])


@pytest.mark.parametrize("edit", [EDIT, BORN])
def test_explore_shows_an_edit_and_all_its_details(pages: TestClient, edit: str) -> None:
    page = opened(pages, "/", f"?e={edit}")
    page.set("errors-fold", "n_clicks", 1)
    edits = page.values["part-model", "data"]["edits"]
    for store in ("r-site-asked", "sites-asked"):
        page.set(store, "data", {"checkpoint": "kin", "edits": edits, "site": "attn_out.1"})
    page.set("placements-asked", "data", {"checkpoint": "kin", "edits": edits})
    said = text(list(page.values.values()))
    assert "could not" not in said.lower()
    shown = text([page.values[place] for place in (("edit-stack", "children"), ("ripples-table", "content"), ("outcomes-table", "content"), ("r-edit", "content"), ("errors", "children"), ("r-words", "children"), ("accuracy", "content"), ("sites-table", "content"))])  # fmt: skip
    assert ("Hal parent → Fay" if edit == EDIT else "Dov next born →") in shown
    assert "ring" not in shown.replace("string", "").replace("during", "")
    assert page.values["scene-after", "figure"]["data"]


def test_compare_shows_every_method(pages: TestClient) -> None:
    page = opened(pages, "/compare/", f"?e={EDIT}&by=ft:tuned&run=1")
    assert "could not" not in text(list(page.values.values())).lower()
    assert page.values["compare-edit", "data-world"] == "named"
    heads = {column["group"] for column in page.values["compare-table", "columns"]}
    assert {"Shattering R", "Edited group"} <= heads
    alone = opened(pages, "/compare/", "?q=7~parent&t=o5")
    assert alone.values["entity", "value"] == "Hal"
    alone.set("entity", "value", "Tom")
    assert alone.values["question", "children"] == "Who is the parent of Tom?"


def test_reproduce_says_what_it_has(pages: TestClient) -> None:
    page = opened(pages, "/reproduce/")
    page.set("rings-sites-fold", "open", True)
    while not page.values["rings-drawn", "data"].get("all"):
        page.set("rings-more", "data", page.values["rings-drawn", "data"])
    assert "Before the edit: " in text(page.values["rings-words", "children"])
    assert page.values["rings-title", "children"].startswith("parent of Bea: taught ")
    assert page.values["reproduce-page", "data-world"] == "other"
    assert "could not" not in text(list(page.values.values())).lower()


@pytest.mark.parametrize("kind", ["json", "csv", "html"])
@pytest.mark.parametrize("page", ["/export.{}?", "/compare/export.{}?by=ft:tuned&"])
def test_what_is_shown_can_be_taken_away(pages: TestClient, page: str, kind: str) -> None:
    found = pages.get(f"{page.format(kind)}e={EDIT}")
    assert found.status_code == 200, found.text[:500]
    assert "Hal" in found.text
    if (page, kind) == ("/export.{}?", "csv"):
        table = csv.DictReader(line for line in found.text.splitlines() if not line.startswith("#"))
        people = [row for row in table if row["record"] == "entity"]
        assert [(row["entity"], row["entity_name"]) for row in people] == [
            (str(i), name) for i, name in enumerate(families.NAMES)
        ][1:]


def test_only_what_can_be_replaced_is_traced() -> None:
    """Of `graph.objects`, whatever it holds: another subject and another relation lead elsewhere."""
    world = families.Families.of(families.FamiliesConfig())
    world.truths[:, 3, 0] = np.where(world.truths[:, 3, 0] == ABSENT, ABSENT, 0)  # all were born after the first
    found = replaceable(world)
    for x, r in np.argwhere(world.present):
        others = (world.objects[:, r], world.objects[x])
        assert found[x, r] == all((some[some != ABSENT] != world.objects[x, r]).any() for some in others)
    assert not found[~world.present].any()


def test_no_number_of_the_paper_stands_beside_those_of_another_world() -> None:
    key = {"method": "rome", "preset": "tuned", "kind": "counterfactual", "distance": 1}
    one = Spread(mean=0.1, deviation=None, n=1)
    cell = AccuracyCell(**key, task="direct", change=one, paper=-0.01)
    provenance = Provenance(
        checkpoint="kin", checkpoint_sha256="0", sweeps=["a"], seed=0, edits_per_cell=1, queries=1, contexts=1, device=None,
        versions=None, started=None, finished=None, rows=1, total=1, left_out=0,
    )  # fmt: skip
    report = Report(
        accuracy=[cell], shattering=[], methods=[], fits=[], sequences=[], disagreements=[], provenance=provenance
    )
    found = without_paper(report)
    assert found.accuracy == [cell.model_copy(update={"paper": None})]
    assert "No number of the paper" in str(sentences.agreement(found, "rome", ["tuned"]))
