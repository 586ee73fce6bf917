"""What the person did, turned into the page's state: which checkpoint, which run, which edit; and into the address.

A call may be overtaken by the next one, and then its answer is thrown away. So nothing here goes by what set a call off: each tells what the
controls stand at, and the last answer that arrived says, in the page's view, what it left them at and what it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import Pin, address
from shatterscope.app.kit.parts import Node, sentences
from shatterscope.app.kit.share.notice import told
from shatterscope.app.kit.state import Edit, Target
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce import names
from shatterscope.app.pages.reproduce.runs import elsewhere, first_edit, opened_link, opening_checkpoint, settled_edit
from shatterscope.app.pages.reproduce.state import RunView
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]
RING_CONTROLS = (names.SUBJECT, names.RELATION, names.DISTANCE, names.RINGS_METHOD)
GROUPS: dict[str, tuple[str, ...]] = {
    "value": (
        ids.CHECKPOINT,
        names.SITE,
        names.MEASURE,
        names.METHOD,
        names.PRESET,
        *RING_CONTROLS,
        names.MEMORY_RELATION,
        names.LAYER,
    ),
    "options": (ids.CHECKPOINT, names.RELATION, names.RINGS_METHOD, names.MEMORY_RELATION, names.LAYER),
    "max": (names.SUBJECT, names.DISTANCE),
}


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "view": Output(names.VIEW, "data"),
            "run": Output(names.RUN, "data"),
            "edit": Output(names.EDIT, "data"),
            "url": Output(ids.URL_OUT, "data"),
            **{prop: {name: Output(name, prop) for name in group} for prop, group in GROUPS.items()},
            "note": Output(ids.CHECKPOINT_NOTE, "children"),
            "notice": Output(ids.NOTICE, "children"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "url": Input(ids.URL_IN, "data"),
            "value": {name: Input(name, "value") for name in GROUPS["value"]},
            "started": Input(names.STARTED, "data"),
            "shipped": Input(names.SHIPPED, "n_clicks"),
            "was": {name: State(name, "data") for name in (names.VIEW, names.RUN, names.EDIT)},
        },
        prevent_initial_call=True,
    )
    async def intent(url: Json | None, value: Json, started: Json | None, shipped: int | None, was: Json) -> Any:
        if url is None:
            raise PreventUpdate
        did = did_since(was[names.VIEW], url, value, started, shipped)
        notices: list[Node] = []
        try:
            everything, editors = await client.checkpoints(anew=did.opened), await client.editors()
            checkpoints, _ = options.trained(everything, None)
            if did.opened:
                view, unread = RunView.from_query(url["query"] or "")
                _, notice = options.trained(everything, view.checkpoint)
                pin = Pin.from_query(url["query"] or "")
                if notice:
                    view, pin, unread = replace(view, checkpoint=None, jobs=(), edit=None), Pin(), [*unread, notice]
                link = opened_link(view, pin, checkpoints)
                notices = [*unread, *told(link, "/reproduce", lambda near: elsewhere(view, near).to_query())]
                if not link.exact:
                    view = elsewhere(view, link.view)
                elif link.missing:
                    view = replace(view, checkpoint=link.checkpoint.id)
                elif view.checkpoint is None:
                    view = replace(view, checkpoint=await opening_checkpoint(client, checkpoints), jobs=(), edit=None)
            else:
                view = RunView.from_store(was[names.VIEW])
            asked = value[ids.CHECKPOINT] if ids.CHECKPOINT in did.changed else view.checkpoint
            found = options.find_checkpoint(checkpoints, asked)
            world = await client.world(found.id)
            first = await first_edit(client, found)
            view = after(view, did, first)
            view, gave_way = _fit(view, found, editors, first)
            if view.edit is not None:
                view = replace(view, edit=await settled_edit(client, view.edit, found))
        except ApiError as error:
            return _only(problem=f"The page could not be opened: {error.message}")
        return _reply(view, found, checkpoints, editors, was, did, sentences([*notices, *gave_way]), first, world)


@dataclass(frozen=True)
class Did:
    """`opened`: from an address; `changed`: the controls that were moved since, and what they stand at; `started`: the jobs of a run that
    was asked for from what is shown; `shipped`: back to the shipped run; `seen`: all of it, for the answer."""

    opened: bool
    value: Json
    changed: frozenset[str]
    started: tuple[str, ...]
    shipped: bool
    seen: Json


def did_since(stored: Json | None, url: Json, value: Json, started: Json | None, shipped: int | None) -> Did:
    """`stored`: the page's view as the last answer left it; `started`: the newest run, with what stood on the page at the click (`run.asked`)."""
    seen: Json = (stored or {}).get("seen", {})
    opened = stored is None or url["at"] != seen["url"]
    # Of an address just opened the controls are still those of the page before: what counts is what is done to them from then on.
    shown = (url.get("was") or value) if opened else seen["shown"]
    changed = frozenset(name for name, now in value.items() if now != shown.get(name, now))
    new = started is not None and started["at"] != seen.get("started")
    here = {"url": url["at"], "shipped": shipped, "checkpoint": value[ids.CHECKPOINT]}
    jobs = tuple(started["jobs"]) if started and new and started["asked"] == here else ()
    clicked = not opened and bool(shipped) and shipped != seen.get("shipped")
    now_seen = {"url": url["at"], "started": started["at"] if started else None, "shipped": shipped}
    return Did(opened, value, changed, jobs, clicked, now_seen)


def after(view: RunView, did: Did, first: Edit) -> RunView:
    """The view after what the person did; `first` is the edit of a checkpoint where none is chosen. A run and an edit belong to a checkpoint, and stay behind when another is chosen."""
    value, changed = did.value, did.changed
    if ids.CHECKPOINT in changed and value[ids.CHECKPOINT] != view.checkpoint:
        view = replace(view, checkpoint=value[ids.CHECKPOINT], jobs=(), edit=None)
    if names.SITE in changed:
        view = replace(view, site=value[names.SITE])
    if names.MEASURE in changed:
        view = replace(view, measure=value[names.MEASURE])
    if names.METHOD in changed:
        view = replace(view, method=value[names.METHOD])
    if names.PRESET in changed:
        view = replace(view, preset=value[names.PRESET])
    if changed & set(RING_CONTROLS):
        view = replace(view, edit=_edit_of(view.edit or first, value, changed))
    if did.shipped:
        view = replace(view, jobs=())
    return replace(view, jobs=did.started) if did.started else view


def _edit_of(edit: Edit, value: Json, changed: frozenset[str]) -> Edit:
    """`edit` after a change of its controls; a given object holds until its question changes."""
    subject = int(value[names.SUBJECT] or 0) if names.SUBJECT in changed else edit.subject
    relation = value[names.RELATION] if names.RELATION in changed else edit.relation
    other = edit.target.distance is None and (subject, relation) != (edit.subject, edit.relation)
    target = Target(int(value[names.DISTANCE] or 1)) if names.DISTANCE in changed or other else edit.target
    return Edit(subject, relation, target, value[names.RINGS_METHOD] if names.RINGS_METHOD in changed else edit.method)


def _fit(
    view: RunView, checkpoint: CheckpointInfo, editors: list[EditorInfo], first: Edit
) -> tuple[RunView, list[str]]:
    """An edit that this checkpoint cannot have gives way to the default one."""
    edit, graph = view.edit, checkpoint.graph
    if edit is None:
        return view, []
    possible = (
        edit.subject < graph.n_entities
        and edit.relation in graph.relations
        and edit.method in {editor.name for editor in editors}
        and (
            edit.target.distance is None
            or graph.kind != "rings"
            or 0 < abs(edit.target.distance) <= graph.n_entities // 2
        )
    )
    if possible:
        return (replace(view, edit=None), []) if edit == first else (view, [])
    return replace(view, edit=None), [f"The edit {edit} is not possible on {checkpoint.id}; the default one is shown."]


def _reply(
    view: RunView,
    checkpoint: CheckpointInfo,
    checkpoints: list[CheckpointInfo],
    editors: list[EditorInfo],
    was: Json,
    did: Did,
    notice: Node,
    first: Edit,
    world: World,
) -> Json:
    graph, value = checkpoint.graph, did.value
    edit = view.edit or first
    relations = [
        {"value": each.name, "label": each.name} | ({} if world.rings else {"group": world.title(each.group)})
        for each in world.info.relations
    ]
    run = {"checkpoint": checkpoint.id, "jobs": list(view.jobs)}
    drawn = {"checkpoint": checkpoint.id, "edit": str(edit)}
    other_world = was[names.RUN] is None or was[names.RUN]["checkpoint"] != checkpoint.id
    asked = value[names.MEMORY_RELATION]
    follows = (did.opened and names.MEMORY_RELATION not in did.changed) or asked not in graph.relations
    layer = value[names.LAYER]
    shown: Json = {
        ids.CHECKPOINT: checkpoint.id,
        names.SITE: view.site,
        names.MEASURE: view.measure,
        names.METHOD: view.method,
        names.PRESET: view.preset,
        names.SUBJECT: edit.subject,
        names.RELATION: edit.relation,
        names.DISTANCE: edit.target.distance if edit.target.distance is not None else value[names.DISTANCE],
        names.RINGS_METHOD: edit.method,
        names.MEMORY_RELATION: edit.relation if follows else asked,
        names.LAYER: layer if layer in range(checkpoint.model.n_layers) else 0,
    }
    offered: Json = {
        ids.CHECKPOINT: [{"value": item.id, "label": item.title} for item in checkpoints],
        names.RELATION: relations,
        names.RINGS_METHOD: options.methods(editors),
        names.MEMORY_RELATION: relations,
        names.LAYER: [{"value": layer, "label": str(layer)} for layer in range(checkpoint.model.n_layers)],
    }
    return {
        "view": {**view.to_store(), "seen": {**did.seen, "shown": shown}},
        "run": run if run != was[names.RUN] else no_update,
        "edit": drawn if drawn != was[names.EDIT] else no_update,
        "url": address(view.to_query(), checkpoint),
        "value": {name: now if now != value[name] else no_update for name, now in shown.items()},
        "options": offered if other_world else dict.fromkeys(offered, no_update),
        "max": {names.SUBJECT: graph.n_entities - 1, names.DISTANCE: graph.n_entities // 2},
        "note": checkpoint.note,
        "notice": notice,
        "problem": "",
    }


def _only(problem: str) -> Json:
    """Everything stays but the message."""
    nothing = {key: dict.fromkeys(group, no_update) for key, group in GROUPS.items()}
    rest = dict.fromkeys(("view", "run", "edit", "url", "note", "notice"), no_update)
    return {**rest, **nothing, "problem": problem}
