"""From what the person did to the state: replays the clicks in their order, reads the controls, writes what changed.

Each click is acted on with the controls as they stood when it was made; what was changed since then is read from the page itself, never
from an older copy. So typing a distance and clicking `apply` at once cannot lose either, and what is changed after a click cannot reach it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, aims, asking, batches, ids, options
from shatterscope.app.kit.actions import History, Refused
from shatterscope.app.kit.clicks import Click, Screen
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import Pin, open_link, opening
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.share.notice import told
from shatterscope.app.kit.state import (
    ALIGNMENTS,
    PROJECTIONS,
    SCALES,
    Edit,
    Place,
    See,
    Target,
    Tool,
    ViewState,
)
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.app.pages.explore.callbacks.happened import happened
from shatterscope.app.pages.explore.callbacks.reply import CONTROLS, DISABLED, MODEL, OPTIONS, PARTS, WORLD, Reply
from shatterscope.app.pages.explore.lecture.told import shown_at
from shatterscope.app.pages.explore.panels import placements
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

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
            "disabled": {name: Output(name, "disabled") for name in DISABLED},
            "part": {name: Output(name, "data") for name in (*PARTS, ids.HISTORY, ids.URL_OUT)},
            "camera": Output(ids.CAMERA, "data"),
            "world": {name: Output(name, "data-world") for name in WORLD},
            "model": {name: Output(name, "data-model") for name in MODEL},
            "note": Output(ids.CHECKPOINT_NOTE, "children"),
            "note_title": Output(ids.CHECKPOINT_NOTE, "title"),
            "notice": Output(ids.NOTICE, "children"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "url": Input(ids.URL_IN, "data"),
            # Of the strength only a click counts, which says whose it is.
            "value": {name: (State if name == ids.STRENGTH else Input)(name, "value") for name in CONTROLS},
            "parameters": Input({"type": "param", "name": ALL, "of": ALL}, "value"),
            "clicks": Input(ids.CLICKS, "data"),
            "camera": Input(ids.CAMERA, "data"),
        },
        state={
            "part": {name: State(name, "data") for name in (*PARTS, ids.HISTORY, ids.URL_OUT)},
            "disabled": {name: State(name, "disabled") for name in DISABLED},
        },
        prevent_initial_call=True,
    )
    async def intent(**page: Any) -> Any:
        if page["url"] is None:
            raise PreventUpdate
        try:
            return await _Intent(client, page).perform()
        except ApiError as error:
            return Reply(page).fail(f"{error.message} Nothing of your state is lost.")


class _Intent:
    def __init__(self, client: Client, page: Json) -> None:
        self.client = client
        self.page = page
        self.notices: list[Node] = []
        self.checkpoints: list[CheckpointInfo] = []
        self.did = happened(page, ctx.args_grouping["parameters"])

    async def perform(self) -> Json:
        checkpoints, editors = await self.client.checkpoints(anew=self.did.opened), await self.client.editors()
        self.checkpoints = checkpoints
        if not checkpoints:
            raise ApiError(
                0, "The server has no checkpoint. Train one with `shatterscope train`, then reload this page."
            )
        did = self.did
        now = await self.step(self.before())
        if did.opened:
            now = replace(now, view=opening(now.view, checkpoints))
        pin = Pin.from_query(self.page["url"]["query"] or "") if did.opened else Pin()
        found = open_link(now.view, pin, checkpoints, editors if did.opened else None)
        if found.missing:
            self.notices += told(found, "/")
            now = History(found.view)
        if did.opened:
            now = stored.reopened(now.view, found.checkpoint.id, self.page["part"][ids.HISTORY])
        now = await self.fit(now, checkpoints, editors)
        shown, stops = did.shown, []
        for click in did.clicks:
            now = await self.fit(await self.look(now, click.screen, shown), checkpoints, editors)
            shown = click.screen.value
            before = now.view.edits
            try:
                now = await self.act(now, click, options.find_checkpoint(checkpoints, now.view.checkpoint), editors)
            except Refused as refused:
                self.notices.append(str(refused))
            if now.view.edits != before:
                stops.append(now)
        if did.clicks or not did.opened:
            now = await self.look(now, did.screen, shown)
        if did.cancelled:
            now = self.back(now, checkpoints)
        now = await self.fit(now, checkpoints, editors)
        view, checkpoint = now.view, options.find_checkpoint(checkpoints, now.view.checkpoint)
        world = await self.client.world(checkpoint.id)
        aim = await aims.look_up(self.client, checkpoint.id, view.subject, view.relation, view.target)
        return Reply(self.page).show(now, stops, did.opened, self.notices, checkpoints, editors, world, aim)

    async def fit(self, now: History, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]) -> History:
        """The page made to fit its checkpoint; a notice says what gave way."""
        checkpoint = options.find_checkpoint(checkpoints, now.view.checkpoint)
        view, gave_way = actions.fit(now.view, checkpoint, editors)
        view = await aims.settled(self.client, view, checkpoint.id)
        self.notices += [notice for notice in gave_way if notice not in self.notices]
        # No control of the page moves a lecture: its place is the address's, whatever else is done.
        return replace(now, view=replace(view, lecture=self.lecture()))

    async def step(self, now: History) -> History:
        """An address that names a place in a lesson and nothing else means the step as it was written."""
        place = now.view.lecture
        if not self.did.opened or place is None or replace(now.view, lecture=None) != ViewState():
            return now
        try:
            shown = shown_at(await self.client.lesson(place.lesson), place)
        except ApiError:  # the lecture's panel says why
            return now
        return now if shown is None else replace(now, view=ViewState.from_query(shown.view)[0])

    def lecture(self) -> Place | None:
        return ViewState.from_query(self.page["url"]["query"])[0].lecture

    # --- reading the page --------------------------------------------------------------------------------------------

    def before(self) -> History:
        """The page before anything was done to it: from the URL when it has just been opened, else as the last answer left it."""
        if self.did.opened:
            view, unread = ViewState.from_query(self.page["url"]["query"])
            self.notices += unread
            return History(view)
        part = self.page["part"]
        view = ViewState(
            checkpoint=part[ids.MODEL]["checkpoint"],
            subject=part[ids.ASK]["subject"],
            relation=part[ids.ASK]["relation"],
            target=stored.target_of(part[ids.AIM]),
            tool=stored.tool_of(part[ids.TOOL]),
            edits=stored.edits_of(part[ids.MODEL]),
            see=stored.see_of(part[ids.SEE]),
            camera=tuple(self.page["camera"]) if self.page["camera"] else None,
        )
        return stored.history_of(view, part[ids.HISTORY])

    async def look(self, now: History, screen: Screen, shown: Json) -> History:
        """The page after what was changed on its controls, which stood at what was `shown`."""
        view, value, changed = now.view, screen.value, screen.changed(shown)
        if ids.CHECKPOINT in changed:
            return now.checkpoint(value[ids.CHECKPOINT])
        checkpoint = options.find_checkpoint(self.checkpoints, view.checkpoint)
        world = await self.client.world(checkpoint.id)
        asked, unread = asking.chosen(view, world, value, changed)
        self.notices += unread
        tool = self.tool(view.tool, screen, changed, checkpoint.model.n_layers)
        see = self.see(view.see, value, changed)
        if (see.relation or asked.relation) != (view.see.relation or view.relation):
            see = replace(see, wording=None)  # another relation is asked otherwise
        return replace(now, view=replace(asked, tool=tool, see=see))

    def tool(self, now: Tool, screen: Screen, changed: frozenset[str], n_layers: int) -> Tool:
        value = screen.value
        now = replace(now, implied=bool(value[ids.IMPLIED])) if ids.IMPLIED in changed else now
        if ids.METHOD in changed:
            return Tool(value[ids.METHOD], implied=now.implied)
        layer, spread = options.chosen_layer(value[ids.LAYER], n_layers)
        if ids.PRESET in changed:
            return replace(now, preset=value[ids.PRESET], layer=layer, parameters={})
        # The form speaks for the method and preset it was made for; until it is made anew, the kept parameters hold.
        owner = views.form_owner(asdict(now), now.method, now.preset)
        form = [] if self.did.opened else [item for item in screen.form if item["id"]["of"] == owner]
        parameters = options.parameters_from_form(form) if form else now.parameters
        if ids.LAYER in changed:
            return replace(now, layer=layer, parameters={**parameters, **spread})
        return replace(now, parameters=parameters)

    def see(self, now: See, value: Json, changed: frozenset[str]) -> See:
        def chosen(name: str, part: Any, default: Any) -> Any:
            return (value[name] or default) if name in changed else part

        return See(
            relation=chosen(ids.SEE_RELATION, now.relation, None),
            site=chosen(ids.SITE, now.site, None),
            projection=chosen(ids.PROJECTION, now.projection, PROJECTIONS[0]),
            dimensions=int(chosen(ids.DIMENSIONS, now.dimensions, 3)),
            align=chosen(ids.ALIGN, now.align, ALIGNMENTS[0]),
            n_neighbors=self.neighbors(value[ids.NEIGHBORS], now) if ids.NEIGHBORS in changed else now.n_neighbors,
            mode=chosen(ids.MODE, now.mode, "two"),
            scale=chosen(ids.SCALE, now.scale, SCALES[0]),
            colors=("damage" if value[ids.EXPECTED_SHOWN] else "place")
            if ids.EXPECTED_SHOWN in changed
            else now.colors,
            wording=self.wording(value[ids.WORDING]) if ids.WORDING in changed else now.wording,
        )

    @staticmethod
    def wording(chosen: Any) -> int | None:
        return chosen if isinstance(chosen, int) else None

    def neighbors(self, typed: Any, now: See) -> int | None:
        text = str(typed or "auto").strip().lower()
        if text == "auto":
            return None
        if text.isdecimal() and 1 <= int(text) <= 999:
            return int(text)
        self.notices.append(f"Neighbours (k) must be `auto` or a whole number from 1, not {text[:20]!r}.")
        return now.n_neighbors

    def back(self, now: History, checkpoints: list[CheckpointInfo]) -> History:
        """The page after its work was cancelled, with a word about it."""
        view, _ = ViewState.from_query(self.page["url"]["query"])
        back = now.cancelled(replace(view, checkpoint=options.find_checkpoint(checkpoints, view.checkpoint).id))
        redo = " Redo tries again." if back.view.edits != now.view.edits and back.future else ""
        self.notices.append(f"Cancelled: this is the last view that was complete.{redo}")
        return back

    # --- acting ------------------------------------------------------------------------------------------------------

    async def act(self, now: History, click: Click, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> History:
        """Raises `Refused` for what cannot be done now."""
        what = click.what
        match click.kind:
            case ids.APPLY:
                await self.check(now.view, checkpoint)
                return now.apply(actions.next_edit(now.view, actions.resolve(now.view, checkpoint, editors)))
            case ids.UNDO:
                return now.undo()
            case ids.REDO:
                return now.redo()
            case ids.RESET:
                return now.reset()
            case "pick":
                return await self.pick(now, checkpoint, int(what["entity"]), what["as"])
            case "mend":
                subject, _, fact = what.partition("~")
                relation, _, truth = fact.rpartition("~")
                question = replace(now.view, subject=int(subject), relation=relation)
                return replace(now, view=replace(question, target=Target(None, int(truth))))
        # The others concern an edit that stood on the screen: it may have moved since, or gone.
        where = ""
        if click.kind == placements.WRITE:
            where, _, what = str(what).partition(" ")
        index, _, edit = str(what["edit"] if click.kind == ids.STRENGTH else what).partition("~")
        place = batches.place(now.view.edits, int(index), Edit.parse(edit))
        if place is None:
            return now
        match click.kind:
            case ids.STRENGTH:
                return now.strength(float(what["value"]), place)
            case placements.WRITE:
                layer, _, token = where.partition("~")
                return now.write(place, int(layer), token, editors)
            case "remove":
                return now.remove(place)
            case "join":
                return now.join(place, editors)
        return now

    async def check(self, view: ViewState, checkpoint: CheckpointInfo) -> None:
        """Raises `Refused` where there is no fact to change, or nothing to change it to."""
        aim = await aims.look_up(self.client, checkpoint.id, view.subject, view.relation, view.target)
        if not aim.truths or aim.new is None:
            world = await self.client.world(checkpoint.id)
            what = f"no {view.relation}" if not aim.truths else f"no other {view.relation} in reach"
            raise Refused(f"{world.called(view.subject)} has {what}: choose another entity or relation.")

    async def pick(self, now: History, checkpoint: CheckpointInfo, entity: int, role: str) -> History:
        """A clicked point is the next subject, or the new object: then its distance from the truth is what counts."""
        if role == "subject":
            return replace(now, view=replace(now.view, subject=entity))
        view, given = now.view, Target(None, entity)
        world = await self.client.world(checkpoint.id)
        aim = await aims.look_up(self.client, checkpoint.id, view.subject, view.relation, given)
        if entity in aim.truths:
            raise Refused(f"{world.called(entity)} is the true object already: click another point to change the fact.")
        return replace(now, view=replace(view, target=Target(aim.distance) if world.rings else given))
