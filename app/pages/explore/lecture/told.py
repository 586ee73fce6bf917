"""A lesson as the browser gets it: texts as HTML, views as addresses in the page's own shortest form. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shatterscope.app.kit import actions, options
from shatterscope.app.kit.markdown import html_of
from shatterscope.app.kit.state import Place, ViewState
from shatterscope.app.pages.explore.panels import PANELS
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.lessons import Lesson, Reveal, Step
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]


def told(lesson: Lesson, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]) -> Json:
    """Every step with the whole query of its view, before and after the reveal."""

    def query(view: str, place: Place) -> str:
        return address(view, place, checkpoints, editors)

    steps = []
    for number, step in enumerate(lesson.steps, 1):
        place = Place(lesson.id, number)
        item: Json = {
            "title": step.title,
            "html": html_of(step.text, lesson.id),
            "notes": html_of(step.notes, lesson.id),
            "query": query(step.view, place),
            "hide": step.hide,
            "lock": step.lock,
            "panel": _panel(step.panel),
        }
        if step.question is not None and step.reveal is not None:
            item["question"] = step.question.model_dump()
            item["reveal"] = {
                "html": html_of(step.reveal.text, lesson.id),
                "query": query(step.reveal.view, replace(place, revealed=True)),
                "hide": step.reveal.hide,
                "lock": step.reveal.lock,
                "panel": _panel(step.reveal.panel),
            }
        steps.append(item)
    return {"id": lesson.id, "title": lesson.title, "steps": steps}


def _panel(name: str | None) -> str | None:
    """A lecture is held also where a step names one that is not there."""
    return name if name in PANELS else None


def shown_at(lesson: Lesson, place: Place) -> Step | Reveal | None:
    """What a place in a lesson shows: the step, or its answer; None where there is no such step."""
    if not 1 <= place.step <= len(lesson.steps):
        return None
    step: Step = lesson.steps[place.step - 1]
    return step.reveal if place.revealed and step.reveal else step


def address(view: str, place: Place | None, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]) -> str:
    """The query that the page itself would write for a view, so that the two can be compared."""
    state, _ = ViewState.from_query(view)
    checkpoint = options.find_checkpoint(checkpoints, state.checkpoint)
    if state.checkpoint in (None, checkpoint.id):
        state, _ = actions.fit(state, checkpoint, editors)
        tool = actions.resolve(state, checkpoint, editors)
        state = options.shortest(state, checkpoint, tool, editors)
    return replace(state, lecture=place).to_query()
