"""From what the person did to the state: reads every control, performs the one action, writes what changed.

The controls are read from the page itself each time, never from an older copy, so that typing a distance and clicking `apply` at
once cannot lose either.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from app import actions, ids, options
from app.actions import Page, Refused
from app.callbacks import stored
from app.client import ApiError, Client
from app.state import ALIGNMENTS, PROJECTIONS, Relation, See, Target, Tool, ViewState
from backend.schemas import CheckpointInfo, EditorInfo

Json = dict[str, Any]

CONTROLS = (
    ids.CHECKPOINT, ids.SUBJECT, ids.ORDER, ids.DIRECTION, ids.HOPS, ids.DISTANCE, ids.METHOD, ids.PRESET, ids.LAYER, ids.STRENGTH,
    ids.SEE_RELATION, ids.SITE, ids.PROJECTION, ids.DIMENSIONS, ids.ALIGN, ids.NEIGHBORS, ids.MODE,
)  # fmt: skip
BUTTONS = (ids.APPLY, ids.UNDO, ids.REDO, ids.RESET)
OPTIONS = (
    ids.CHECKPOINT,
    ids.ORDER,
    ids.HOPS,
    ids.METHOD,
    ids.PRESET,
    ids.LAYER,
    ids.SEE_RELATION,
    ids.SITE,
    ids.PROJECTION,
    ids.ALIGN,
)
PARTS = (ids.MODEL, ids.ASK, ids.AIM, ids.TOOL, ids.SEE)
NEW_WORLD = (ids.URL_IN, ids.CHECKPOINT)


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "value": {name: Output(name, "value") for name in CONTROLS},
            "options": {name: Output(name, "options") for name in OPTIONS},
            "limits": {
                ids.SUBJECT: Output(ids.SUBJECT, "max"),
                ids.DISTANCE: Output(ids.DISTANCE, "max"),
                "min": Output(ids.DISTANCE, "min"),
                ids.DISTANCE_SLIDER: Output(ids.DISTANCE_SLIDER, "max"),
            },
            "disabled": {name: Output(name, "disabled") for name in (ids.UNDO, ids.REDO, ids.RESET, ids.STRENGTH)},
            "part": {name: Output(name, "data") for name in (*PARTS, ids.HISTORY, ids.URL_OUT)},
            "camera": Output(ids.CAMERA, "data"),
            "note": Output(ids.CHECKPOINT_NOTE, "children"),
            "note_title": Output(ids.CHECKPOINT_NOTE, "title"),
            "notice": Output(ids.NOTICE, "children"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "url": Input(ids.URL_IN, "data"),
            "value": {name: Input(name, "value") for name in CONTROLS},
            "clicks": {name: Input(name, "n_clicks") for name in BUTTONS},
            "removed": Input({"type": "remove", "index": ALL}, "n_clicks"),
            "mended": Input({"type": "mend", "index": ALL}, "n_clicks"),
            "parameters": Input({"type": "param", "name": ALL}, "value"),
            "points": {name: Input(name, "clickData") for name in (ids.SCENE_BEFORE, ids.SCENE_AFTER)},
            "camera": Input(ids.CAMERA, "data"),
        },
        state={
            "part": {name: State(name, "data") for name in (*PARTS, ids.HISTORY, ids.URL_OUT)},
            "pick": State(ids.PICK, "value"),
        },
        prevent_initial_call=True,
    )
    async def intent(**page: Any) -> Any:
        if page["url"] is None:
            raise PreventUpdate
        try:
            return await _Intent(client, page).perform()
        except ApiError as error:
            return _Answer(page).only(problem=f"{error.message} Nothing of your state is lost.")
        except Refused as error:
            return _Answer(page).only(notice=str(error))


class _Answer:
    """Outputs of the callback: everything stays as it is unless set, and only what differs from the page is sent."""

    def __init__(self, page: Json) -> None:
        self.page = page
        self.out: Json = {
            "value": dict.fromkeys(CONTROLS, no_update),
            "options": dict.fromkeys(OPTIONS, no_update),
            "limits": dict.fromkeys((ids.SUBJECT, ids.DISTANCE, "min", ids.DISTANCE_SLIDER), no_update),
            "disabled": dict.fromkeys((ids.UNDO, ids.REDO, ids.RESET, ids.STRENGTH), no_update),
            "part": dict.fromkeys((*PARTS, ids.HISTORY, ids.URL_OUT), no_update),
            "camera": no_update,
            "note": no_update,
            "note_title": no_update,
            "notice": no_update,
            "problem": no_update,
        }

    def only(self, **messages: str) -> Json:
        return {**self.out, **messages}

    def control(self, name: str, value: Any) -> None:
        if self.page["value"][name] != value:
            self.out["value"][name] = value

    def store(self, name: str, value: Any) -> None:
        if self.page["part"][name] != value:
            self.out["part"][name] = value


def _split(prop: str) -> tuple[str, str]:
    ident, _, name = prop.rpartition(".")
    return ident, name


class _Intent:
    def __init__(self, client: Client, page: Json) -> None:
        self.client = client
        self.page = page
        self.value: Json = page["value"]
        # One call may carry several changes: a typed distance and the click that followed it.
        self.who = [json.loads(who) if who.startswith("{") else who for who, _ in map(_split, ctx.triggered_prop_ids)]

    async def perform(self) -> Json:
        checkpoints, editors = await self.client.checkpoints(), await self.client.editors()
        if not checkpoints:
            raise ApiError(
                0, "The server has no checkpoint. Train one with `shatterscope train`, then reload this page."
            )
        now, notices = self.read()
        checkpoint = options.find_checkpoint(checkpoints, now.view.checkpoint)
        if now.view.checkpoint not in (None, checkpoint.id):
            notices.append(f"Checkpoint {now.view.checkpoint} is not here, so {checkpoint.id} is shown without edits.")
            now = Page(replace(now.view, checkpoint=None, edits=()))
        view, gave_way = actions.fit(now.view, checkpoint, editors)
        now = await self.act(replace(now, view=view), checkpoint, editors)
        return self.answer(now, checkpoint, checkpoints, editors, [*notices, *gave_way])

    # --- reading the page --------------------------------------------------------------------------------------------

    def read(self) -> tuple[Page, list[str]]:
        """The page before the action: from the URL when it has just been opened, else from the controls."""
        if ids.URL_IN in self.who or self.page["part"][ids.MODEL] is None:
            view, notices = ViewState.from_query(self.page["url"] or "")
            return Page(view), notices
        model = self.page["part"][ids.MODEL]
        value = self.value
        relation = Relation(value[ids.ORDER], value[ids.DIRECTION], value[ids.HOPS])
        view = ViewState(
            checkpoint=model["checkpoint"],
            subject=int(value[ids.SUBJECT] or 0),
            relation=relation,
            target=self.target(relation),
            tool=self.tool(),
            edits=stored.edits_of(model),
            see=self.see(),
            camera=tuple(self.page["camera"]) if self.page["camera"] else None,
        )
        return stored.page_of(view, self.page["part"][ids.HISTORY]), []

    def target(self, relation: Relation) -> Target:
        """A distance typed or slid wins; a given object holds until the question changes."""
        distance = Target(int(self.value[ids.DISTANCE] or 4))
        if ids.DISTANCE in self.who:
            return distance
        kept = stored.target_of(self.page["part"][ids.AIM])
        ask = self.page["part"][ids.ASK]
        same = (ask["subject"], ask["relation"]) == (self.value[ids.SUBJECT], relation.name)
        if kept.object is not None and same:
            return kept
        return distance

    def tool(self) -> Tool:
        value, kept = self.value, self.page["part"][ids.TOOL] or {}
        if ids.METHOD in self.who:
            return Tool(value[ids.METHOD])
        if ids.PRESET in self.who:
            return Tool(value[ids.METHOD], value[ids.PRESET], value[ids.LAYER])
        parameters = kept.get("parameters", {})
        if self.index("param", "name") is not None:
            parameters = options.parameters_from_form(ctx.args_grouping["parameters"])
        return Tool(value[ids.METHOD], value[ids.PRESET], value[ids.LAYER], parameters)

    def index(self, kind: str, key: str = "index") -> Any:
        """Which of several like elements (chips, fields) was used, if one was."""
        return next((who[key] for who in self.who if isinstance(who, dict) and who["type"] == kind), None)

    def see(self) -> See:
        value = self.value
        neighbors = str(value[ids.NEIGHBORS] or "auto").strip().lower()
        if neighbors != "auto" and not (neighbors.isdecimal() and 1 <= int(neighbors) <= 999):
            raise Refused(f"Neighbours must be `auto` or a whole number from 1, not {neighbors[:20]!r}.")
        return See(
            relation=value[ids.SEE_RELATION] or None,
            site=value[ids.SITE] or None,
            projection=value[ids.PROJECTION] or PROJECTIONS[0],
            dimensions=int(value[ids.DIMENSIONS] or 3),
            align=value[ids.ALIGN] or ALIGNMENTS[0],
            n_neighbors=None if neighbors == "auto" else int(neighbors),
            mode=value[ids.MODE] or "two",
        )

    # --- acting ------------------------------------------------------------------------------------------------------

    async def act(self, now: Page, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> Page:
        who = self.who
        if ids.CHECKPOINT in who:
            return now.checkpoint(self.value[ids.CHECKPOINT])
        removed, mended = self.index("remove"), self.index("mend")
        for scene in (ids.SCENE_BEFORE, ids.SCENE_AFTER):
            if scene in who:
                now = await self.pick(now, checkpoint, scene)
        if mended is not None and any(self.page["mended"]):
            subject, relation, truth = mended.split("~")
            view = replace(
                now.view, subject=int(subject), relation=Relation.parse(relation), target=Target(None, int(truth))
            )
            now = replace(now, view=view)
        if ids.STRENGTH in who:
            now = now.strength(float(self.value[ids.STRENGTH]))
        if removed is not None and any(self.page["removed"]):
            now = now.remove(removed)
        for button, action in ((ids.UNDO, Page.undo), (ids.REDO, Page.redo), (ids.RESET, Page.reset)):
            if button in who:
                now = action(now)
        if ids.APPLY in who:
            now = now.apply(actions.next_edit(now.view, actions.resolve(now.view, checkpoint, editors)))
        return now

    async def pick(self, now: Page, checkpoint: CheckpointInfo, scene: str) -> Page:
        """A clicked point is the next subject, or the new object: then its distance from the truth is what counts."""
        clicked = self.page["points"][scene]
        entity = clicked["points"][0].get("customdata") if clicked else None
        if entity is None:
            return now
        if self.page["pick"] == "subject":
            return replace(now, view=replace(now.view, subject=int(entity)))
        position = await self.client.ring(checkpoint.id, now.view.relation.order)
        distance = options.signed_distance(position, now.view.subject, now.view.relation, int(entity))
        if distance == 0:
            raise Refused(f"Entity {entity} is the true object already: click another point to change the fact.")
        return replace(now, view=replace(now.view, target=Target(distance)))

    # --- answering ---------------------------------------------------------------------------------------------------

    def answer(
        self,
        now: Page,
        checkpoint: CheckpointInfo,
        checkpoints: list[CheckpointInfo],
        editors: list[EditorInfo],
        notices: list[str],
    ) -> Json:
        # After another checkpoint was chosen, everything below is about that one.
        checkpoint = options.find_checkpoint(checkpoints, now.view.checkpoint)
        view, gave_way = actions.fit(now.view, checkpoint, editors)
        tool = actions.resolve(view, checkpoint, editors)
        answer = _Answer(self.page)
        opened = any(name in self.who for name in NEW_WORLD)
        distance = view.target.distance
        shown = {
            ids.CHECKPOINT: checkpoint.id,
            ids.SUBJECT: view.subject,
            ids.ORDER: view.relation.order,
            ids.DIRECTION: view.relation.direction,
            ids.HOPS: view.relation.hops,
            ids.DISTANCE: distance,
            ids.METHOD: tool.editor.name,
            ids.PRESET: tool.preset,
            ids.LAYER: tool.layer,
            ids.STRENGTH: view.edits[-1].strength if view.edits else 1.0,
            ids.SEE_RELATION: view.see.relation or "",
            ids.SITE: view.see.site or checkpoint.model.default_site,
            ids.PROJECTION: view.see.projection,
            ids.DIMENSIONS: view.see.dimensions,
            ids.ALIGN: view.see.align,
            ids.NEIGHBORS: "auto" if view.see.n_neighbors is None else str(view.see.n_neighbors),
            ids.MODE: view.see.mode,
        }
        for name, value in shown.items():
            answer.control(name, value)
        out = answer.out
        if opened:
            n = checkpoint.graph.n_entities
            out["options"].update(options.world(checkpoint, checkpoints, editors))
            out["limits"] = {ids.SUBJECT: n - 1, ids.DISTANCE: n // 2, "min": -(n // 2), ids.DISTANCE_SLIDER: n // 2}
            out["note"], out["note_title"] = checkpoint.note, options.checkpoint_facts(checkpoint)
        if opened or ids.METHOD in self.who:
            out["options"].update(options.tool(tool))
        if ids.URL_IN in self.who:
            out["camera"] = list(view.camera) if view.camera else None
        out["disabled"] = {
            ids.UNDO: not (now.past or view.edits),
            ids.REDO: not now.future,
            ids.RESET: not view.edits,
            ids.STRENGTH: not view.edits,
        }
        answer.store(ids.MODEL, stored.model_part(view, checkpoint.id))
        answer.store(ids.ASK, stored.ask_part(view, checkpoint.id))
        answer.store(ids.AIM, stored.aim_part(view))
        answer.store(ids.TOOL, stored.tool_part(Tool(tool.editor.name, tool.preset, tool.layer, options.own(tool))))
        answer.store(ids.SEE, stored.see_part(replace(view.see, site=view.see.site or checkpoint.model.default_site)))
        answer.store(ids.HISTORY, stored.history_part(now))
        answer.store(ids.URL_OUT, options.shortest(view, checkpoint, tool, editors[0]).to_query())
        out["notice"] = " ".join([*notices, *gave_way])
        out["problem"] = ""
        return out
