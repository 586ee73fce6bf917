"""The parts of the state as the browser's stores carry them, both ways."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from shatterscope.app.kit.actions import History
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.state import Edit, See, Target, Tool, ViewState

Json = dict[str, Any]


def model_part(view: ViewState, checkpoint: str) -> Json:
    return {"checkpoint": checkpoint, "edits": [str(edit) for edit in view.edits]}


def ask_part(view: ViewState, checkpoint: str) -> Json:
    return {"checkpoint": checkpoint, "subject": view.subject, "relation": view.relation}


def aim_part(view: ViewState) -> Json:
    return {"target": str(view.target)}


def edits_of(model: Json | None) -> Stack:
    return tuple(Edit.parse(text) for text in (model or {}).get("edits", ()))


def history_part(history: History, checkpoint: str) -> Json:
    """The browser keeps this for as long as its tab lives, so that a reload forgets nothing; a link carries none of it."""

    def dump(stacks: tuple[Stack, ...]) -> list[list[str]]:
        return [[str(edit) for edit in stack] for stack in stacks]

    past, now, future = dump(history.past), dump((history.view.edits,))[0], dump(history.future)
    return {"checkpoint": checkpoint, "past": past, "now": now, "future": future}


def history_of(view: ViewState, kept: Json | None) -> History:
    """The view with the history that the browser `kept` for it."""

    def load(stacks: list[list[str]]) -> tuple[Stack, ...]:
        return tuple(tuple(Edit.parse(text) for text in stack) for stack in stacks)

    stacks = kept or {"past": [], "future": []}
    return History(view, load(stacks["past"]), load(stacks["future"]))


def reopened(view: ViewState, checkpoint: str, kept: Json | None) -> History:
    """A page opened from its URL: anew, or again in the same tab, by a reload or the browser's back and forward.

    Then what the browser kept still holds, if the stack stands in it. It may be from another version, so it is not trusted.
    """
    try:
        if kept is None or kept["checkpoint"] != checkpoint:
            return History(view)
        found = history_of(replace(view, edits=edits_of({"edits": kept["now"]})), kept).at(view.edits)
    except (KeyError, TypeError, ValueError, AttributeError):
        return History(view)
    return replace(found, view=view) if found else History(view)


def see_of(part: Json) -> See:
    return See(**part)


def see_part(see: See) -> Json:
    return asdict(see)


def tool_part(tool: Tool) -> Json:
    return asdict(tool)


def tool_of(part: Json) -> Tool:
    return Tool(**part)


def target_of(part: Json | None) -> Target:
    return Target.parse(part["target"]) if part else Target()
