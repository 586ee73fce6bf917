"""The course of an edit, drawn and told: what the lines are, where it stopped, and why."""

from __future__ import annotations

from typing import Any

import pytest

from shatterscope.app.kit.figures.course import course_figure
from shatterscope.app.pages.explore import views
from shatterscope.backend import convert
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EDITORS
from shatterscope.backend.edits import complete_spec, run_edits
from shatterscope.wire.edits import CourseInfo, EditOutcome, EditResult, EditSpec

PARAMETERS = {"early_stop_loss": 0.1, "clamp_norm_factor": 2.0}


def outcome(*, success: bool = True, strength: float = 1.0, **given: Any) -> EditOutcome:
    course = {
        "ended": "reached", "contexts": 21, "step": [0, 1, 2, 3], "loss": [9.0, 4.0, 0.5, 0.05],
        "probability": [0.0, 0.1, 0.7, 0.99], "rank": [80, 4, 1, 1], "length": [0.0, 0.4, 0.8, 1.0],
    }  # fmt: skip
    return EditOutcome(
        spec=EditSpec(subject=7, relation="I_C1", object=9, strength=strength, parameters=given.pop("parameters", PARAMETERS)),
        old_object=8, new_object=9, prediction_before=8, prediction_after=9 if success else 5, distance=1, kind="counterfactual",
        success=success, probability_before=0.1, probability_after=0.1, delta_norm=1, relative_delta_norm=1, steps=3, warnings=[],
        course=CourseInfo(**{**course, **given}),
    )  # fmt: skip


AT_CLAMP = {"ended": "steps", "loss": [9.0, 8.0, 7.0, 7.0], "length": [0.0, 1.0, 2.0, 2.0], "rank": [80, 30, 12, 13]}


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        (outcome(), ["Taken at step 3: the loss fell below 0.1.", "led from step 2 on", "99.0\u00a0%", "answers 9."]),
        (outcome(success=False), ["Found at step 3", "written into the weights it is lost: the model answers 5."]),
        (outcome(success=False, strength=0.5), ["written into the weights, at strength 0.5, it is lost"]),
        (outcome(parameters={}), ["Taken at step 3: the loss fell far enough."]),
        (outcome(ended="converged", parameters={}), ["Taken at step 3: no step lowered the loss much more."]),
        (outcome(ended="led"), ["Taken at step 3", "led in all contexts for as many steps"]),
        (outcome(ended="settled"), ["Taken at step 3", "the neutral prompt had hardly moved"]),
        (
            outcome(success=False, **AT_CLAMP),
            [
                "Stopped at the clamp: from step 2 on |delta| was as long as it may be, 2 |v0|.",
                "Ended after 3 steps without reaching a loss below 0.1 (it was 7).",
                "never led: rank 12 at best, at step 2",
                "did not take: the edited model answers 5.",
            ],
        ),
        (outcome(success=False, ended="steps", loss=[9.0, 8.0, 7.0, 267.4]), ["Ended after 3 steps without", "(it was 267)"]),
        (outcome(ended="steps", parameters={"early_stop_loss": 0.0}, length=None), ["Ended after 3 steps. "]),
        (outcome(rank=[80, 1, 2, 3]), ["led at step 1, but no longer at the end"]),
        (outcome(rank=[1, 1, 1, 1]), ["led from step 0 on"]),
        (outcome(ended="steps", step=[0], loss=[9.0], probability=[0.0], rank=[80], length=[0.0]), ["No step was made."]),
        (outcome(loss=[9.0, 4.0, 0.5, None], probability=[0.0, 0.1, 0.2, None], ended="steps"), ["without reaching a loss below 0.1. "]),
    ],
)  # fmt: skip
def test_why_an_edit_took_or_not(item: EditOutcome, parts: list[str]) -> None:
    said = views.course_words(item)
    for part in parts:
        assert part in said


@pytest.mark.parametrize("method", list(EDITORS))
def test_what_any_method_did_is_told_and_drawn(checkpoint: Checkpoint, method: str) -> None:
    """Of what it really returned: parameters and endings differ between methods."""
    spec = complete_spec(checkpoint.world, 2, subject=7, relation="I_C1", distance=4, method=method)
    (item,) = convert.edit_result(checkpoint, run_edits(checkpoint, [spec]), 0.0).edits
    assert item.success
    said = views.course_words(item)
    assert said.startswith(("Taken at step", "Ended after"))
    assert f"answers {item.new_object}." in said
    assert len(course_figure(item)["data"]) >= 2


def test_the_lines_are_the_course() -> None:
    item = outcome(success=False, **AT_CLAMP)
    assert item.course is not None
    figure = course_figure(item)
    assert [trace["y"] for trace in figure["data"]] == [item.course.probability, item.course.loss, item.course.length]
    assert {tuple(trace["x"]) for trace in figure["data"]} == {(0, 1, 2, 3)}
    assert figure["data"][0]["customdata"] == item.course.rank
    shapes = figure["layout"]["shapes"]
    assert [(shape["yref"], shape["y0"]) for shape in shapes] == [("y2", 0.1), ("y3", 2.0)]  # where it stops, the clamp


def test_a_far_clamp_is_told_and_not_drawn_and_a_lead_is_marked() -> None:
    layout = course_figure(outcome(parameters={**PARAMETERS, "clamp_norm_factor": 50.0}))["layout"]
    assert "clamped at 50" in layout["annotations"][2]["text"]
    assert layout["yaxis3"]["range"][1] < 2
    assert [shape["x0"] for shape in layout["shapes"] if shape["xref"] == "x"] == [2]


def test_a_method_without_a_value_has_two_panels() -> None:
    figure = course_figure(outcome(length=None))
    assert [trace["name"] for trace in figure["data"]] == ["probability of the new object", "loss"]
    assert course_figure(None)["data"] == []


def test_it_says_over_which_prompts_and_offers_the_edits_that_have_one() -> None:
    many, alone = outcome(), outcome(contexts=1)
    assert "21 prompts, the bare one and 20 random contexts before it" in views.course_over(many)
    assert "over the bare prompt alone" in views.course_over(alone)
    absent = many.model_copy(update={"course": None})
    result = EditResult(id="x", checkpoint="y", edits=[absent, many], seconds=0)
    assert [option["value"] for option in views.course_choices(result)] == ["1"]
    assert views.course_choices(None) == []
