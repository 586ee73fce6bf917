"""What the page is told after an action: only what differs from what it shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import no_update

from shatterscope.app.kit import actions, asking, ids, links, options
from shatterscope.app.kit.actions import History
from shatterscope.app.kit.aims import Aim
from shatterscope.app.kit.parts import Node, sentences
from shatterscope.app.kit.state import Tool, ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.app.pages.explore.callbacks.happened import last_click, now_seen
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]

CONTROLS = (
    ids.CHECKPOINT, *asking.PICKERS, ids.METHOD, ids.PRESET, ids.LAYER, ids.IMPLIED, ids.STRENGTH,
    ids.SEE_RELATION, ids.SITE, ids.PROJECTION, ids.DIMENSIONS, ids.ALIGN, ids.NEIGHBORS, ids.MODE,
    ids.SCALE, ids.EXPECTED_SHOWN, ids.WORDING,
)  # fmt: skip
OPTIONS = (
    ids.CHECKPOINT,
    ids.ORDER,
    ids.HOPS,
    ids.RELATION,
    ids.ENTITY,
    ids.OBJECT,
    ids.NEAR,
    ids.METHOD,
    ids.PRESET,
    ids.LAYER,
    ids.SEE_RELATION,
    ids.SITE,
    ids.WORDING,
    ids.PROJECTION,
    ids.ALIGN,
)
DISABLED = (ids.UNDO, ids.REDO, ids.RESET, ids.STRENGTH, ids.IMPLIED)
WORLD = (ids.RAIL, ids.DETAILS)  # whose `data-world` says which pickers and texts are seen
MODEL = (ids.RAIL, ids.STAGE, ids.DETAILS)  # and whose `data-model`, which of those that are of one kind of model alone
PARTS = (ids.MODEL, ids.ASK, ids.AIM, ids.TOOL, ids.SEE)


class Reply:
    """Outputs of the callback: everything stays as it is unless set, and only what differs from the page is sent."""

    def __init__(self, page: Json) -> None:
        self.page = page
        self.out: Json = {
            "value": dict.fromkeys(CONTROLS, no_update),
            "options": dict.fromkeys(OPTIONS, no_update),
            "limits": dict.fromkeys((ids.SUBJECT, ids.DISTANCE, "min", ids.DISTANCE_SLIDER), no_update),
            "disabled": dict.fromkeys(DISABLED, no_update),
            "part": dict.fromkeys((*PARTS, ids.HISTORY, ids.URL_OUT), no_update),
            "camera": no_update,
            "world": dict.fromkeys(WORLD, no_update),
            "model": dict.fromkeys(MODEL, no_update),
            "note": no_update,
            "note_title": no_update,
            "notice": no_update,
            "problem": no_update,
        }

    def fail(self, problem: str) -> Json:
        """Everything stays. The clicks are seen all the same: the person reads that they were not done, and will click again."""
        history = self.page["part"][ids.HISTORY]
        if self.page["part"][ids.MODEL] is not None and history:
            seen = {**history.get("seen", {}), "click": last_click(self.page)}
            self.store(ids.HISTORY, {**history, "seen": seen})
        return {**self.out, "problem": problem}

    def control(self, name: str, value: Any) -> None:
        if self.page["value"][name] != value:
            self.out["value"][name] = value

    def store(self, name: str, value: Any) -> None:
        if self.page["part"][name] != value:
            self.out["part"][name] = value

    def _shown_method(self) -> str | None:
        """The method whose presets and layers the page offers."""
        seen: Json = (self.page["part"][ids.HISTORY] or {}).get("seen", {})
        return seen.get("shown", {}).get(ids.METHOD)

    def show(
        self,
        now: History,
        stops: list[History],
        opened: bool,
        notices: list[Node],
        checkpoints: list[CheckpointInfo],
        editors: list[EditorInfo],
        world: World,
        aim: Aim,
    ) -> Json:
        """The controls, options and stores of a state that fits its checkpoint. `stops`: the states with other edits on the way to it,
        each of which is a step in the browser's history; `opened`: from an address."""
        checkpoint, view = options.find_checkpoint(checkpoints, now.view.checkpoint), now.view
        tool = actions.resolve(view, checkpoint, editors)
        shown = {
            ids.CHECKPOINT: checkpoint.id,
            **asking.shown(view, world, aim),
            ids.METHOD: tool.editor.name,
            ids.PRESET: tool.preset,
            ids.LAYER: options.layer_choice(tool),
            ids.IMPLIED: tool.implied,
            ids.STRENGTH: view.edits[-1].strength if view.edits else 1.0,
            ids.SEE_RELATION: view.see.relation or "",
            ids.SITE: view.see.site or checkpoint.model.default_site,
            ids.PROJECTION: view.see.projection,
            ids.DIMENSIONS: view.see.dimensions,
            ids.ALIGN: view.see.align,
            ids.NEIGHBORS: "auto" if view.see.n_neighbors is None else str(view.see.n_neighbors),
            ids.MODE: view.see.mode,
            ids.SCALE: view.see.scale,
            ids.EXPECTED_SHOWN: view.see.colors == "damage",
            ids.WORDING: "" if view.see.wording is None else view.see.wording,
        }
        for name, value in shown.items():
            self.control(name, value)
        out = self.out
        # The browser takes a moment over everything it is sent, though nothing be new in it.
        before = self.page["part"][ids.MODEL]
        other_world = before is None or before["checkpoint"] != checkpoint.id
        if other_world:
            out["options"].update(options.world(checkpoint, checkpoints, editors))
            out["options"] |= {ids.RELATION: asking.relations(world)}
            out["options"] |= {ids.ENTITY: asking.names(world), ids.OBJECT: asking.names(world)}
            out["world"] = dict.fromkeys(WORLD, asking.kind(world))
            out["model"] = dict.fromkeys(MODEL, "trained" if checkpoint.language is None else "language")
            out["note"], out["note_title"] = checkpoint.note, options.checkpoint_facts(checkpoint)
        if other_world or not world.rings:  # elsewhere another question has other distances
            out["options"][ids.NEAR], out["limits"] = asking.near(world, aim), asking.limits(world, aim)
        if other_world or world.spoken:
            out["options"][ids.WORDING] = asking.wordings(world, view, checkpoint)
        if other_world or self._shown_method() != tool.editor.name:
            out["options"].update(options.tool(tool))
        if opened:
            out["camera"] = list(view.camera) if view.camera else None
        disabled = {
            ids.UNDO: not (now.past or view.edits),
            ids.REDO: not now.future,
            ids.RESET: not view.edits,
            ids.STRENGTH: not view.edits,
            ids.IMPLIED: not tool.editor.batches,
        }
        out["disabled"].update({name: is_ for name, is_ in disabled.items() if self.page["disabled"][name] != is_})
        self.store(ids.MODEL, stored.model_part(view, checkpoint.id))
        self.store(ids.ASK, stored.ask_part(view, checkpoint.id))
        self.store(ids.AIM, stored.aim_part(view))
        self.store(
            ids.TOOL, stored.tool_part(Tool(tool.editor.name, tool.preset, tool.layer, options.own(tool), tool.implied))
        )
        site = None if view.see.site == checkpoint.model.default_site else view.see.site
        self.store(ids.SEE, stored.see_part(replace(view.see, site=site)))
        self.store(ids.HISTORY, {**stored.history_part(now, checkpoint.id), "seen": now_seen(self.page, shown)})
        addresses = [self.address(page.view, checkpoints, editors) for page in (*stops, now)]
        self.store(ids.URL_OUT, addresses if stops else addresses[0])
        out["notice"] = sentences(notices)
        out["problem"] = ""
        return out

    @staticmethod
    def address(view: ViewState, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]) -> str:
        checkpoint = options.find_checkpoint(checkpoints, view.checkpoint)
        tool = actions.resolve(view, checkpoint, editors)
        return links.address(options.shortest(view, checkpoint, tool, editors).to_query(), checkpoint)
