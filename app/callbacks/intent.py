"""From what the person did to the state: reads every control, performs the one action, writes what changed.

The controls are read from the page itself each time, never from an older copy, so that typing a distance and clicking `apply` at
once cannot lose either.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from app import actions, ids, options, views
from app.actions import Page, Refused
from app.callbacks import stored
from app.callbacks.happened import happened
from app.callbacks.reply import BUTTONS, CONTROLS, OPTIONS, PARTS, Reply
from app.client import ApiError, Client
from app.layout.parts import Node
from app.lecture.told import view_at
from app.links import Pin, open_link
from app.share.notice import told
from app.state import ALIGNMENTS, PROJECTIONS, SCALES, Place, Relation, See, Target, Tool, ViewState
from backend.schemas import CheckpointInfo, EditorInfo

Json = dict[str, Any]


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
            "joined": Input({"type": "join", "index": ALL}, "n_clicks"),
            "mended": Input({"type": "mend", "index": ALL}, "n_clicks"),
            "parameters": Input({"type": "param", "name": ALL, "of": ALL}, "value"),
            "picked": Input(ids.PICKED, "data"),
            "camera": Input(ids.CAMERA, "data"),
        },
        state={
            "part": {name: State(name, "data") for name in (*PARTS, ids.HISTORY, ids.URL_OUT)},
            "disabled": {name: State(name, "disabled") for name in (ids.UNDO, ids.REDO, ids.RESET, ids.STRENGTH)},
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
            return Reply(page).only(problem=f"{error.message} Nothing of your state is lost.")
        except Refused as error:
            return Reply(page).refuse(str(error))


class _Intent:
    def __init__(self, client: Client, page: Json) -> None:
        self.client = client
        self.page = page
        self.value: Json = page["value"]
        self.notices: list[str] = []
        self.did = happened(page, ctx.args_grouping)

    async def perform(self) -> Json:
        checkpoints, editors = await self.client.checkpoints(), await self.client.editors()
        if not checkpoints:
            raise ApiError(
                0, "The server has no checkpoint. Train one with `shatterscope train`, then reload this page."
            )
        now, unread = self.read()
        now = await self.step(now)
        notices: list[Node] = list(unread)
        pin = Pin.from_query(self.page["url"]["query"] or "") if self.did.opened else Pin()
        found = open_link(now.view, pin, checkpoints, editors if self.did.opened else None)
        checkpoint = found.checkpoint
        if found.missing:
            notices += told(found, "/")
            now = Page(found.view)
        if self.did.opened:
            now = stored.reopened(now.view, checkpoint.id, self.page["part"][ids.HISTORY])
        if self.did.cancelled:
            now = self.back(now, checkpoints)
            checkpoint = options.find_checkpoint(checkpoints, now.view.checkpoint)
        view, gave_way = actions.fit(now.view, checkpoint, editors)
        # No control of the page moves a lecture: its place is the address's, whatever else is done.
        now = replace(now, view=replace(view, lecture=self.lecture()))
        if not self.did.cancelled:
            now = await self.act(now, checkpoint, editors)
        all_notices = [*notices, *self.notices, *gave_way]
        return Reply(self.page).show(now, self.did, all_notices, checkpoints, editors)

    async def step(self, now: Page) -> Page:
        """An address that names a place in a lesson and nothing else means the step as it was written."""
        place = now.view.lecture
        if not self.did.opened or place is None or replace(now.view, lecture=None) != ViewState():
            return now
        try:
            view = view_at(await self.client.lesson(place.lesson), place)
        except ApiError:  # the lecture's panel says why
            return now
        return now if view is None else replace(now, view=ViewState.from_query(view)[0])

    def lecture(self) -> Place | None:
        return ViewState.from_query(self.page["url"]["query"])[0].lecture

    # --- reading the page --------------------------------------------------------------------------------------------

    def read(self) -> tuple[Page, list[str]]:
        """The page before the action: from the URL when it has just been opened, else from the controls."""
        if self.did.opened:
            view, notices = ViewState.from_query(self.page["url"]["query"])
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
        kept = stored.target_of(self.page["part"][ids.AIM])
        distance = Target(int(self.value[ids.DISTANCE] or kept.distance or 1))
        if ids.DISTANCE in self.did.changed:
            return distance
        ask = self.page["part"][ids.ASK]
        same = (ask["subject"], ask["relation"]) == (self.value[ids.SUBJECT], relation.name)
        if kept.object is not None and same:
            return kept
        return distance

    def tool(self) -> Tool:
        value, kept = self.value, self.page["part"][ids.TOOL] or {}
        if ids.METHOD in self.did.changed:
            return Tool(value[ids.METHOD])
        if ids.PRESET in self.did.changed:
            return Tool(value[ids.METHOD], value[ids.PRESET], options.chosen_layer(value[ids.LAYER])[0])
        # The form speaks for the method and preset it was made for; until it is made anew, the kept parameters hold.
        owner = views.form_owner(kept, kept.get("method"), kept.get("preset"))
        form = [item for item in ctx.args_grouping["parameters"] if item["id"]["of"] == owner]
        parameters = options.parameters_from_form(form) if form else kept.get("parameters", {})
        layer, spread = options.chosen_layer(value[ids.LAYER])
        if ids.LAYER in self.did.changed:
            parameters = {**parameters, **spread}
        return Tool(value[ids.METHOD], value[ids.PRESET], layer, parameters)

    def see(self) -> See:
        value = self.value
        neighbors = str(value[ids.NEIGHBORS] or "auto").strip().lower()
        if neighbors != "auto" and not (neighbors.isdecimal() and 1 <= int(neighbors) <= 999):
            self.notices.append(f"Neighbours (k) must be `auto` or a whole number from 1, not {neighbors[:20]!r}.")
            neighbors = str((self.page["part"][ids.SEE] or {}).get("n_neighbors") or "auto")
        return See(
            relation=value[ids.SEE_RELATION] or None,
            site=value[ids.SITE] or None,
            projection=value[ids.PROJECTION] or PROJECTIONS[0],
            dimensions=int(value[ids.DIMENSIONS] or 3),
            align=value[ids.ALIGN] or ALIGNMENTS[0],
            n_neighbors=None if neighbors == "auto" else int(neighbors),
            mode=value[ids.MODE] or "two",
            scale=value[ids.SCALE] or SCALES[0],
        )

    def back(self, now: Page, checkpoints: list[CheckpointInfo]) -> Page:
        """The page after its work was cancelled, with a word about it."""
        view, _ = ViewState.from_query(self.page["url"]["query"])
        back = now.cancelled(replace(view, checkpoint=options.find_checkpoint(checkpoints, view.checkpoint).id))
        redo = " Redo tries again." if back.view.edits != now.view.edits and back.future else ""
        self.notices.append(f"Cancelled: this is the last view that was complete.{redo}")
        return back

    # --- acting ------------------------------------------------------------------------------------------------------

    async def act(self, now: Page, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> Page:
        did = self.did
        if ids.CHECKPOINT in did.changed:
            return now.checkpoint(self.value[ids.CHECKPOINT])
        if did.picked is not None:
            now = await self.pick(now, checkpoint, did.picked)
        if did.mended is not None:
            subject, relation, truth = did.mended.split("~")
            view = replace(
                now.view, subject=int(subject), relation=Relation.parse(relation), target=Target(None, int(truth))
            )
            now = replace(now, view=view)
        if ids.STRENGTH in did.changed:
            now = now.strength(float(self.value[ids.STRENGTH]))
        if did.removed is not None:
            now = now.remove(int(did.removed.partition("~")[0]))
        if did.joined is not None:
            now = now.join(int(did.joined.partition("~")[0]), editors)
        for button, action in ((ids.UNDO, Page.undo), (ids.REDO, Page.redo), (ids.RESET, Page.reset)):
            for _ in range(did.clicks[button]):
                now = action(now)
        if did.clicks[ids.APPLY] > 0:
            now = now.apply(actions.next_edit(now.view, actions.resolve(now.view, checkpoint, editors)))
        return now

    async def pick(self, now: Page, checkpoint: CheckpointInfo, entity: int) -> Page:
        """A clicked point is the next subject, or the new object: then its distance from the truth is what counts."""
        if self.page["pick"] == "subject":
            return replace(now, view=replace(now.view, subject=entity))
        position = await self.client.ring(checkpoint.id, now.view.relation.order)
        distance = options.signed_distance(position, now.view.subject, now.view.relation, entity)
        if distance == 0:
            raise Refused(f"Entity {entity} is the true object already: click another point to change the fact.")
        return replace(now, view=replace(now.view, target=Target(distance)))
