"""The parts of the state as the browser's stores carry them, both ways."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.actions import Page, Stack
from app.state import Edit, Relation, See, Target, Tool, ViewState

Json = dict[str, Any]


def model_part(view: ViewState, checkpoint: str) -> Json:
    return {"checkpoint": checkpoint, "edits": [str(edit) for edit in view.edits]}


def ask_part(view: ViewState, checkpoint: str) -> Json:
    return {"checkpoint": checkpoint, "subject": view.subject, "relation": view.relation.name}


def aim_part(view: ViewState) -> Json:
    return {"target": str(view.target)}


def edits_of(model: Json | None) -> Stack:
    return tuple(Edit.parse(text) for text in (model or {}).get("edits", ()))


def history_part(page: Page) -> Json:
    def dump(stacks: tuple[Stack, ...]) -> list[list[str]]:
        return [[str(edit) for edit in stack] for stack in stacks]

    return {"past": dump(page.past), "future": dump(page.future)}


def page_of(view: ViewState, history: Json | None) -> Page:
    def load(stacks: list[list[str]]) -> tuple[Stack, ...]:
        return tuple(tuple(Edit.parse(text) for text in stack) for stack in stacks)

    history = history or {"past": [], "future": []}
    return Page(view, load(history["past"]), load(history["future"]))


def see_of(part: Json) -> See:
    return See(**part)


def see_part(see: See) -> Json:
    return asdict(see)


def tool_part(tool: Tool) -> Json:
    return asdict(tool)


def target_of(part: Json | None) -> Target:
    return Target.parse(part["target"]) if part else Target()


def relation_of(part: Json) -> Relation:
    return Relation.parse(part["relation"])
