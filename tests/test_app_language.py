"""Every page on a language model: one that was not trained here, is asked in words, and of which not all can be asked."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash_page import DashPage
from spoken import NAME, TAUGHT
from starlette.testclient import TestClient

from shatterscope.app.kit import actions, links, options, sites, spoken, words
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.spoken import Taught
from shatterscope.app.kit.state import Edit, See, Target, Tool, ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.main import create_app
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.panels import PANELS
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.api.recording import record
from shatterscope.backend.settings import load_settings
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.recording import write_recording
from shatterscope.wire.edits import EditorInfo, EditResult
from shatterscope.wire.measures import AnsweredRelation, EvaluationResult, SiteShattering, SitesResult
from shatterscope.wire.world import CheckpointInfo, KnowledgeInfo, WorldInfo

Json = dict[str, Any]
OFFERED = ["rome", "memit", "alphaedit", "ft-l", "grace", "patch"]
EDIT = f"c={NAME}&q=0~months_next1&t=d6&e=0~months_next1~d6~rome~1~tuned~1"


@pytest.fixture(scope="module")
def pages(spoken_state: Path, models_dir: Path) -> Iterator[TestClient]:
    """A server with a checkpoint that was trained here, and the language model."""
    server = create_api(load_settings(models_dir=models_dir, state_dir=spoken_state, device="cpu", warm_up=False))
    create_app(server)
    with TestClient(server) as client:
        yield client


@pytest.fixture(scope="module")
def checkpoint(pages: TestClient) -> CheckpointInfo:
    return next(found for each in asked(pages, "checkpoints") if (found := CheckpointInfo(**each)).id == NAME)


@pytest.fixture(scope="module")
def editors(pages: TestClient) -> list[EditorInfo]:
    return [EditorInfo(**each) for each in asked(pages, "editors")]


@pytest.fixture(scope="module")
def world(pages: TestClient) -> World:
    return World(WorldInfo(**asked(pages, f"checkpoints/{NAME}/world")))


@pytest.fixture(scope="module")
def made(pages: TestClient) -> EditResult:
    (edit,) = ViewState.from_query(EDIT)[0].edits
    answer = pages.post("/api/v1/edits", json={"checkpoint": NAME, "edits": [edit.to_spec()]})
    return EditResult(**answer.json())


@pytest.fixture(scope="module")
def evaluation(pages: TestClient, made: EditResult) -> EvaluationResult:
    return EvaluationResult(**pages.post("/api/v1/evaluations", json={"checkpoint": NAME, "edit": made.id}).json())


@pytest.fixture(scope="module")
def played(pages: TestClient, tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[TestClient]:
    """A server on another machine, where a recording of `EDIT` alone is."""
    folder = tmp_path_factory.mktemp("recorded")
    laboratory = pages.app.state.laboratory  # type: ignore[attr-defined]
    checkpoint = laboratory.find(NAME)
    (edit,) = ViewState.from_query(EDIT)[0].edits
    assert pages.portal is not None
    recording = pages.portal.call(
        lambda: record(laboratory, checkpoint, [[edit.to_spec()]], folder / "kept.jsonl", "a test", lambda line: None)
    )
    write_recording(folder / f"{NAME}.json.gz", recording)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shatterscope.backend.api.laboratory.recordings_of", lambda models_dir: folder)
        server = create_api(
            load_settings(models_dir=models_dir, state_dir=folder / "state", device="cpu", warm_up=False)
        )
        create_app(server)
        with TestClient(server) as client:
            yield client


def asked(pages: TestClient, path: str) -> Any:
    return pages.get(f"/api/v1/{path}").raise_for_status().json()


def opened(pages: TestClient, prefix: str, query: str = "") -> DashPage:
    page = DashPage(pages, prefix)
    page.set("url-in", "data", {"query": query, "at": 1})
    return page


def values(options: list[Json]) -> list[Any]:
    return [option["value"] for option in options]


def text(node: Any) -> str:
    """All that a person reads of it."""
    return json.dumps(node, ensure_ascii=False, default=str)


# --- the tool ---------------------------------------------------------------------------------------------------------


def test_methods_are_those_that_it_is_offered(checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> None:
    found = on_model(editors, checkpoint)
    assert [each.name for each in found] == OFFERED
    assert on_model(found, checkpoint) == found, "what is offered already stays as it is"
    for each in found:
        assert each.presets == each.language
        assert each.default_preset == each.language[0].name
        assert each.default_layer == min(each.language_layer, checkpoint.model.n_layers - 2)


def test_the_tool_stands_at_its_usual_preset_and_layer(pages: TestClient) -> None:
    page = opened(pages, "/", f"?c={NAME}")
    assert values(page.values["method", "options"]) == OFFERED
    assert values(page.values["preset", "options"]) == ["tuned", "protected", "r-rome", "paper", "last-token"]
    assert page.values["preset", "value"] == "tuned"
    assert page.values["layer", "value"] == 2
    assert not any(part.startswith(("m=", "p=", "l=")) for part in page.values["url-out", "data"].split("&"))
    assert page.values["parameters", "children"], "with its parameters"


def test_a_link_without_a_preset_means_that_of_the_language_model(pages: TestClient, made: EditResult) -> None:
    """Presets that other models have do not come in between."""
    spec = pages.post(
        "/api/v1/edits",
        json={"checkpoint": NAME, "edits": [{"subject": 0, "relation": "months_next1", "distance": 6, "layer": 1}]},
    ).json()
    assert spec["id"] == made.id


def test_a_method_of_a_link_that_is_not_offered_is_told(
    pages: TestClient, checkpoint: CheckpointInfo, editors: list[EditorInfo]
) -> None:
    page = opened(pages, "/", f"?c={NAME}&m=pmet")
    assert "Method pmet is not offered on a language model" in text(page.values["notice", "children"])
    assert page.values["method", "value"] == "rome"
    edit = Edit(0, "months_next1", Target(6), "pmet")
    (near,), missing = links.nearest((edit,), checkpoint, editors)
    assert near.method == "rome"
    assert missing == ["method pmet (it is not offered on a language model)"]
    unknown, said = links.nearest((Edit(0, "months_next1", Target(6), "none-such"),), checkpoint, editors)
    assert said == ["method none-such (no package that is installed has it)"]
    assert unknown[0].method == "rome"


def test_what_it_implies_is_not_asked_of_words(checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> None:
    view = ViewState(relation="months_next1", tool=Tool("memit", implied=True))
    assert not actions.resolve(view, checkpoint, editors).implied


def test_of_many_layers_the_picker_offers_each_and_not_all_at_once(
    checkpoint: CheckpointInfo, editors: list[EditorInfo]
) -> None:
    deep = checkpoint.model_copy(update={"model": checkpoint.model.model_copy(update={"n_layers": 30})})
    view = ViewState(relation="months_next1", tool=Tool("memit", "three-layers"))
    tool = actions.resolve(view, deep, editors)
    assert values(options.tool(tool)["layer"]) == list(range(30))
    assert (tool.layer, options.layer_choice(tool)) == (3, 3)
    assert options.chosen_layer(7, 30) == (7, {}), "a preset that spreads its change does so from there on"
    assert options.chosen_layer(1, 2) == (1, {"spread": False})


def test_sites_of_many_layers_stand_by_their_kinds(checkpoint: CheckpointInfo) -> None:
    found = ["embed", *(f"{kind}.{i}" for i in range(30) for kind in ("attn_out", "resid_post")), "final_norm"]
    model = checkpoint.model.model_copy(update={"n_layers": 30, "sites": found, "default_site": "resid_post.29"})
    shown = options.sites(checkpoint.model_copy(update={"model": model}))
    assert sorted(values(shown)) == sorted(found)
    assert [option["group"] for option in shown[:30]] == ["residual stream"] * 30
    assert all("group" not in option for option in options.sites(checkpoint)), "of few layers they are one list"


def test_what_cannot_be_asked_of_it_is_not_offered(pages: TestClient) -> None:
    page = opened(pages, "/", f"?{EDIT.replace('t=d6', 't=d3')}")
    for name in ("rail", "stage", "details"):
        assert page.values[name, "data-model"] == "language"
    assert page.values["expected", "content"] == []
    assert page.values["problem-edit", "children"] == ""
    for name in ("prediction", "placements", "notes"):
        assert PANELS[name].seen == "of-trained of-edits"
        page.set(f"{name}-asked", "data", {"checkpoint": NAME, "edits": [EDIT.partition("e=")[2]]})
        assert not page.values[f"{name}-table", PANELS[name].content]
        assert page.values[f"problem-{name}", "children"] == ""
    page.set("url-in", "data", {"query": "?c=rings-small", "at": 2})
    assert page.values["stage", "data-model"] == "trained"
    assert len(page.values["method", "options"]) > len(OFFERED)


def test_compare_offers_what_the_model_is_offered(pages: TestClient) -> None:
    page = opened(pages, "/compare/", f"?c={NAME}&by=rome:protected&by=pmet:tuned")

    def methods() -> list[str]:
        items = [item for group in page.values["compare-methods", "groups"] for item in group["items"]]
        return [item["options"][0]["value"].partition(":")[0] for item in items]

    assert sorted(methods()) == sorted(OFFERED), "and no oracle, which goes on training"
    assert "Not offered on a language model and left out: pmet:tuned." in text(page.values["notice", "children"])
    assert page.values["compare-methods", "value"] == ["rome:protected"]


def test_compare_begins_with_the_usual_methods_of_the_model_that_is_chosen(pages: TestClient) -> None:
    page = opened(pages, "/compare/", "?c=rings-small")
    before = page.values["compare-methods", "value"]
    page.set("checkpoint", "value", NAME)
    assert page.values["compare-methods", "value"] == ["rome:tuned", "memit:tuned", "alphaedit:tuned"]
    assert page.values["notice", "children"] == ""
    page.set("checkpoint", "value", "rings-small")
    assert page.values["compare-methods", "value"] == before


@pytest.mark.parametrize("path", ["league", "reproduce"])
def test_pages_about_training_say_so_and_show_a_checkpoint_that_was_trained_here(pages: TestClient, path: str) -> None:
    page = opened(pages, f"/{path}/", f"?c={NAME}")
    assert f"{NAME} is a language model, and this page is about checkpoints that were trained here" in text(
        page.values["notice", "children"]
    )
    assert page.values["problem-page", "children"] == ""
    assert page.values["checkpoint", "value"] == "rings-small"
    assert values(page.values["checkpoint", "options"]) == ["rings-small"]


# --- asking, and looking ----------------------------------------------------------------------------------------------


def test_the_question_shows_the_text_that_is_asked(pages: TestClient) -> None:
    page = opened(pages, "/", f"?c={NAME}&q=2~months_next1")
    said = text(page.values["question", "children"])
    assert "Which month comes after March?" in said
    assert "“It is March now. Next month it will be …”" in said
    assert "nothing of it was taught here" in text(page.values["truth", "children"])
    assert "April" in text(page.values["truth", "children"])


def test_the_wording_is_chosen_beside_the_site(pages: TestClient) -> None:
    page = opened(pages, "/", f"?c={NAME}&q=2~months_next1")
    shown = page.values["wording", "options"]
    assert [option["label"] for option in shown][:2] == [
        "all wordings (mean)",
        "It is March now. Next month it will be",
    ]
    assert len(shown) == 1 + TAUGHT["months_next1"]
    mean = page.values["scene-before", "figure"]
    page.set("wording", "value", 0)
    assert "wording=0" in page.values["url-out", "data"].split("&")
    assert "“It is ___ now. Next month it will be”" in text(page.values["caption-before", "children"])
    assert page.values["scene-before", "figure"] != mean
    page.set("relation", "value", "weekdays_next1")
    assert page.values["wording", "value"] == "", "another relation is asked otherwise"
    assert "wording" not in page.values["url-out", "data"]
    assert page.values["wording", "options"][1]["label"] == "It is Monday now. The next day it will be"


def test_a_wording_goes_through_the_address() -> None:
    view = ViewState(see=See(wording=2))
    assert view.to_query() == "wording=2"
    assert ViewState.from_query("wording=2") == (view, [])
    assert See(wording=0).asked("r")["wording"] == 0
    assert "wording" not in See().asked("r")


@pytest.mark.parametrize("query", [f"?c={NAME}&q=0~months_next1&wording=7", "?c=rings-small&wording=0"])
def test_a_wording_that_there_is_not_is_the_mean(pages: TestClient, query: str) -> None:
    page = opened(pages, "/", query)
    assert page.values["wording", "value"] == ""
    assert page.values["problem-scene", "children"] == ""


def test_mistakes_are_those_of_the_plain_wording(pages: TestClient, spoken_checkpoint: LanguageCheckpoint) -> None:
    wrong = sum(
        round(len(relation.facts) * (1 - relation.asked[0].accuracy))
        for relation in spoken_checkpoint.knowledge.relations
        if relation.asked
    )
    assert asked(pages, f"checkpoints/{NAME}/errors")["total"] == wrong


def test_the_facts_of_the_checkpoint_say_where_it_is_from(checkpoint: CheckpointInfo) -> None:
    said = options.checkpoint_facts(checkpoint)
    assert "not trained here, of unknown licence, converted from " in said
    licensed = checkpoint.model_copy(
        update={"language": checkpoint.language and checkpoint.language.model_copy(update={"licence": "MIT"})}
    )
    assert "licence MIT" in options.checkpoint_facts(licensed)


def test_newcomers_are_told_what_it_is(pages: TestClient) -> None:
    said = text(opened(pages, "/", f"?c={NAME}").values["invitation", "children"])
    assert "A pretrained language model answers 100\u00a0% of what it is asked about months." in said


# --- what an edit did -------------------------------------------------------------------------------------------------

ANSWERS = AnsweredRelation(
    relation="next", wordings=["a {subject}", "b {subject}"], subjects=[0, 1, 2], truths=[1, 2, 0],
    before=[[1, 2, 0], [1, 0, 2]], after=[[2, 2, 2], [1, 2, 2]],
    probability_before=[[1.0] * 3] * 2, probability_after=[[1.0] * 3] * 2,
)  # fmt: skip


def test_answers_are_told_by_what_became_of_them() -> None:
    """0 was taught 2 instead of 1. 1's answer is 2; that of 2 is 0."""
    told = dict(spoken.given(ANSWERS, Taught("next", 2, frozenset({0}))))
    assert [each.kind for each in told[0]] == ["taught", "refused"]
    assert [each.kind for each in told[1]] == ["right", "found"]
    assert [each.kind for each in told[2]] == ["leaked", "wrong"], "what it said before it says still"
    assert [each.kind for each in dict(spoken.given(ANSWERS, None))[0]] == ["lost", "right"]


def test_right_answers_are_counted() -> None:
    """Right before: 0, 1, 2 in the first wording and 0 in the second. The first loses 0 and 2; the second wins 1."""
    assert spoken.right(ANSWERS) == (4, 2, 1, 6)


def test_who_answers_the_new_object_is_counted() -> None:
    found = spoken.answered_new(ANSWERS, 2, {0})
    assert found.most == (0, 2), "1 and 2 in both wordings; 0 in one of two is not most"
    assert found.some == (2, 3)
    assert found.share == (2 / 4, 4 / 4)
    assert found.n == 4
    said = words.answer_new(found, "March", 3)
    assert (
        said
        == "March is now the answer to 2 of 3 names in most wordings (before the edit to 0), and to 3 in at least one."
    )


def test_the_grid_has_every_answer(evaluation: EvaluationResult, made: EditResult, world: World) -> None:
    shown = to_html(views.answers_grid(evaluation, made, world))
    assert evaluation.language is not None
    cells = re.findall(r'<td title="[^"]*" data-kind="([a-z]+)">', shown)
    assert len(cells) == sum(len(each.subjects) * len(each.wordings) for each in evaluation.language.answers)
    months = shown.partition('data-relation="months_next1"')[2].partition("data-relation")[0]
    assert months.count("<tr") == 1 + 12
    assert "12 names × 4 wordings." in months
    assert ">edited<" in months
    taken = evaluation.language.answers[0].after[0][0] == made.edits[0].new_object
    assert ('data-kind="taught"' in months) == taken
    folded = re.findall(r'<details data-relation="([a-z_0-9]+)"', shown)
    assert folded == ["capital", "continent"], "of which there are many names"


def test_without_an_edit_the_grid_is_of_the_unedited_model(pages: TestClient, world: World) -> None:
    found = EvaluationResult(**pages.post("/api/v1/evaluations", json={"checkpoint": NAME, "edit": None}).json())
    shown = to_html(views.answers_grid(found, None, world))
    assert set(re.findall(r'<td title="[^"]*" data-kind="([a-z]+)">', shown)) <= {"right", "wrong"}
    assert "48 of 48 answers are right. 12 names × 4 wordings." in shown
    assert views.r_beside(None, None, world) == []


def test_beside_R_stands_what_it_can_hide(
    evaluation: EvaluationResult, made: EditResult, world: World, pages: TestClient
) -> None:
    shown = to_html(views.r_beside(evaluation, made, world))
    assert evaluation.language is not None
    without = evaluation.shattering.without_edited
    assert re.search(rf'id="r-without"[^>]* data-value="{without!r}"', shown)
    assert "R without January" in shown
    answers = evaluation.language.answers[0]
    others = [now for after in answers.after for now in after[1:]]
    share = others.count(made.edits[0].new_object) / len(others)
    assert re.search(rf'id="r-answer-new"[^>]* data-after="{share:.6f}"', shown)
    page = opened(pages, "/", f"?{EDIT}")
    assert "A small R can hide that all names answer the same." in text(page.values["r-words", "children"])
    assert page.values["problem-measure", "children"] == ""


def test_quality_is_what_can_be_asked_in_words(evaluation: EvaluationResult) -> None:
    shown = to_html(views.quality(evaluation))
    assert re.findall(r'id="quality-([a-z]+)"', shown) == ["efficacy", "generality", "locality"]
    assert "in the other wordings" in shown


def test_accuracy_is_recall_and_beside_it_perplexity(
    evaluation: EvaluationResult, checkpoint: CheckpointInfo, world: World
) -> None:
    shown = to_html(views.accuracy(checkpoint, evaluation, world))
    assert re.findall(r'<th scope="row"[^>]*>([^<]*)<', shown) == ["recall"]
    assert "months · edit" in shown
    assert "weekdays · retain" in shown
    assert "countries · test" in shown
    assert "12 questions in up to 4 wordings each" in shown
    assert evaluation.language is not None
    assert words.perplexity(evaluation.language.perplexity, evaluation.language.n_tokens) in shown


def test_an_edit_of_weekdays_has_the_parts_of_weekdays(pages: TestClient) -> None:
    edit = f"c={NAME}&q=12~weekdays_next1&t=d2&e=12~weekdays_next1~d2~rome~1~tuned~1"
    page = opened(pages, "/", f"?{edit}")
    for part, group in (("edit", "weekdays"), ("retain", "countries"), ("test", "months")):
        assert group in text(page.values[f"r-{part}", "content"])


def test_along_many_layers_R_is_a_strip_and_the_table_folded(checkpoint: CheckpointInfo, world: World) -> None:
    n = 12
    rows = [
        SiteShattering(site=f"{kind}.{i}", edit=0.1 * max(0, i - 3), retain=0.0, test=None)
        for i in range(n)
        for kind in ("mlp_out", "resid_post")
    ]
    model = checkpoint.model.model_copy(update={"n_layers": n, "default_site": f"resid_post.{n - 1}"})
    deep = checkpoint.model_copy(update={"model": model})
    found = SitesResult(checkpoint=NAME, edit="e", sites=rows, n_entities=12, n_relations=1, seconds=0)
    shown = to_html(sites.r_table(found, deep, "months_next1", "resid_post.5", world=world))
    strip, _, folded = shown.partition("<details>")
    assert strip.count("<i ") == 3 * n
    assert strip.count('class="shown"') == 3, "where the scenes look"
    assert "0 before layer 4, largest at layer 11 (0.800)" in strip
    assert "0 at every layer" in strip
    assert folded.count("<tr") == 1 + len(rows)


def test_what_it_knows_lists_every_wording(pages: TestClient) -> None:
    page = opened(pages, "/", f"?c={NAME}")
    assert PANELS["knowledge"].seen == "of-language"
    page.set("knowledge-asked", "data", {"checkpoint": NAME, "edits": []})
    shown = text(page.values["knowledge-table", "content"])
    found = KnowledgeInfo(**asked(pages, f"checkpoints/{NAME}/knowledge"))
    for relation in found.relations:
        for each in relation.wordings:
            assert words.blank(each.text) in shown
    assert shown.count('"data-asked": "true"') == sum(TAUGHT.values())
    assert "The paper’s own prompt, “___ is followed k months later by”, fails here" in shown
    page.set("knowledge-asked", "data", {"checkpoint": "rings-small", "edits": []})
    assert page.values["knowledge-table", "content"] == []
    assert page.values["problem-knowledge", "children"] == ""


# --- taken away -------------------------------------------------------------------------------------------------------


def test_a_view_is_a_file(pages: TestClient) -> None:
    answer = pages.get(f"/export.html?{EDIT}&wording=1&open=knowledge&open=notes")
    assert answer.status_code == 200, answer.text[:200]
    body = answer.text.partition("<body>")[2].partition("<script")[0]
    for said in (
        "Answers by wording",
        "12 names × 4 wordings.",
        "R without January",
        "What it knows",
        "in the wording “This month is ___. Next month is”",
        "One fact inside a language model was changed",
    ):
        assert said in body
    assert "Tell it instead" not in body
    assert "Ripples" not in body


def test_a_view_is_a_table(pages: TestClient, evaluation: EvaluationResult) -> None:
    answer = pages.get(f"/export.csv?{EDIT}&wording=1")
    assert answer.status_code == 200, answer.text[:200]
    told = dict(line[2:].split(": ", 1) for line in answer.text.splitlines() if line.startswith("# "))
    assert told["wording"] == "This month is {subject}. Next month is"
    assert (told["contexts"], told["queries"]) == ("0", "all"), "nothing is sampled"
    rows = list(csv.DictReader(line for line in answer.text.splitlines() if not line.startswith("#")))
    by_name = {row["name"]: row for row in rows if row["record"] == "metric"}
    assert evaluation.language is not None
    assert float(by_name["perplexity"]["after"]) == pytest.approx(evaluation.language.perplexity.after)
    assert float(by_name["R without the edited"]["after"]) == pytest.approx(evaluation.shattering.without_edited)
    answers = [row for row in rows if row["record"] == "answer"]
    assert len(answers) == sum(len(each.subjects) * len(each.wordings) for each in evaluation.language.answers)


# --- played back ------------------------------------------------------------------------------------------------------


def test_a_model_that_is_not_here_shows_what_was_recorded(played: TestClient, evaluation: EvaluationResult) -> None:
    page = opened(played, "/", f"?{EDIT.replace('t=d6', 't=d3')}")
    for problem in ("page", "ask", "edit", "scene", "measure", "verdicts"):
        assert page.values[f"problem-{problem}", "children"] == ""
    assert float(page.values["r-edit", "value"]) == pytest.approx(evaluation.shattering.edit, rel=1e-4)
    assert "12 names × 4 wordings." in text(page.values["answers-table", "content"])
    said = text(page.values["expected", "content"])
    assert "Played back: 1 edit" in said
    assert f"shatterscope models add {NAME}" in said
    assert len(page.values["wording", "options"]) == 1, "of each wording alone there is no picture"
    assert len(page.values["site", "options"]) == 1


def test_what_was_not_recorded_says_how_the_model_is_had(played: TestClient) -> None:
    page = opened(played, "/", f"?{EDIT.replace('~d6~', '~d3~')}")
    assert f"shatterscope models add {NAME}" in text(page.values["problem-edit", "children"])
    page.set("sites-asked", "data", {"checkpoint": NAME, "edits": [EDIT.partition("e=")[2]], "site": None})
    assert "not in the recording" in page.values["problem-sites", "children"]


@pytest.mark.parametrize("kind", ["html", "csv", "json"])
def test_what_was_recorded_can_be_taken_away(played: TestClient, kind: str) -> None:
    answer = played.get(f"/export.{kind}?{EDIT}")
    assert answer.status_code == 200, answer.text[:300]
    refused = played.get(f"/export.safetensors?{EDIT}")
    assert refused.status_code in (409, 422)
    assert "not on this machine" in refused.text
