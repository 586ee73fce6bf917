"""What the person did, turned into the page's state: which checkpoint, which run, which edit; and into the address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from app import ids, options
from app.client import ApiError, Client
from app.layout.parts import Node, sentences
from app.links import Pin, address
from app.reproduce import names
from app.reproduce.runs import elsewhere, opened_link, opening_checkpoint
from app.reproduce.state import View, default_edit
from app.share.notice import told
from app.state import Edit, Target
from backend.schemas import CheckpointInfo, EditorInfo

Json = dict[str, Any]
RING_CONTROLS = (names.SUBJECT, names.RELATION, names.DISTANCE, names.RINGS_METHOD)
GROUPS: dict[str, tuple[str, ...]] = {
    "value": (ids.CHECKPOINT, names.METHOD, names.PRESET, *RING_CONTROLS, names.MEMORY_RELATION),
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
            "checkpoint": Input(ids.CHECKPOINT, "value"),
            "method": Input(names.METHOD, "value"),
            "preset": Input(names.PRESET, "value"),
            "rings": [Input(name, "value") for name in RING_CONTROLS],
            "started": Input(names.STARTED, "data"),
            "shipped": Input(names.SHIPPED, "n_clicks"),
            "stored": State(names.VIEW, "data"),
            "was": {"run": State(names.RUN, "data"), "edit": State(names.EDIT, "data")},
        },
        prevent_initial_call=True,
    )
    async def intent(
        url: Json | None, checkpoint: str | None, method: str, preset: str, rings: list[Any],
        started: Json | None, shipped: int | None, stored: Json | None, was: Json,
    ) -> Any:  # fmt: skip
        opened = stored is None or ctx.triggered_id == ids.URL_IN
        if url is None or (opened and ctx.triggered_id != ids.URL_IN):
            raise PreventUpdate
        notices: list[Node] = []
        try:
            checkpoints, editors = await client.checkpoints(), await client.editors()
            if opened:
                view, unread = View.from_query(url["query"] or "")
                link = opened_link(view, Pin.from_query(url["query"] or ""), checkpoints)
                notices = [*unread, *told(link, "/reproduce", lambda near: elsewhere(view, near).to_query())]
                if not link.exact:
                    view = elsewhere(view, link.view)
                elif link.missing:
                    view = replace(view, checkpoint=link.checkpoint.id)
                elif view.checkpoint is None:
                    view = replace(view, checkpoint=await opening_checkpoint(client, checkpoints), jobs=(), edit=None)
            else:
                view = View.from_store(stored)
        except ApiError as error:
            return _only(problem=f"The page could not be opened: {error.message}")
        if ctx.triggered_id == ids.CHECKPOINT and checkpoint != view.checkpoint:
            view = replace(view, checkpoint=checkpoint, jobs=(), edit=None)
            opened = True
        elif ctx.triggered_id in (names.METHOD, names.PRESET):
            view = replace(view, method=method, preset=preset)
        elif ctx.triggered_id in RING_CONTROLS:
            view = replace(view, edit=_edit_of(rings))
        elif ctx.triggered_id == names.STARTED and started:
            view = replace(view, jobs=tuple(started["jobs"]))
        elif ctx.triggered_id == names.SHIPPED:
            view = replace(view, jobs=())
        found = options.find_checkpoint(checkpoints, view.checkpoint)
        view, gave_way = _fit(view, found, editors)
        return _reply(view, found, checkpoints, editors, was, opened, sentences([*notices, *gave_way]))


def _edit_of(rings: list[Any]) -> Edit:
    subject, relation, distance, method = rings
    return Edit(int(subject or 0), relation, Target(int(distance or 1)), method)


def _fit(view: View, checkpoint: CheckpointInfo, editors: list[EditorInfo]) -> tuple[View, list[str]]:
    """An edit that this checkpoint cannot have gives way to the default one."""
    edit, graph = view.edit, checkpoint.graph
    if edit is None:
        return view, []
    possible = (
        edit.subject < graph.n_entities
        and edit.relation in graph.relations
        and edit.method in {editor.name for editor in editors}
        and (edit.target.distance is None or 0 < abs(edit.target.distance) <= graph.n_entities // 2)
    )
    if possible:
        return (replace(view, edit=None), []) if edit == default_edit(graph.n_entities) else (view, [])
    return replace(view, edit=None), [f"The edit {edit} is not possible on {checkpoint.id}; the default one is shown."]


def _reply(
    view: View,
    checkpoint: CheckpointInfo,
    checkpoints: list[CheckpointInfo],
    editors: list[EditorInfo],
    was: Json,
    opened: bool,
    notice: Node,
) -> Json:
    graph = checkpoint.graph
    edit = view.edit or default_edit(graph.n_entities)
    relations = [{"value": name, "label": name} for name in graph.relations]
    run = {"checkpoint": checkpoint.id, "jobs": list(view.jobs)}
    drawn = {"checkpoint": checkpoint.id, "edit": str(edit)}
    values: Json = {
        ids.CHECKPOINT: checkpoint.id,
        names.METHOD: view.method,
        names.PRESET: view.preset,
        names.SUBJECT: edit.subject,
        names.RELATION: edit.relation,
        names.DISTANCE: edit.target.distance if edit.target.distance is not None else no_update,
        names.RINGS_METHOD: edit.method,
        names.MEMORY_RELATION: edit.relation if opened else no_update,
    }
    offered: Json = {
        ids.CHECKPOINT: [{"value": item.id, "label": item.title} for item in checkpoints],
        names.RELATION: relations,
        names.RINGS_METHOD: [{"value": editor.name, "label": editor.title} for editor in editors],
        names.MEMORY_RELATION: relations,
        names.LAYER: [{"value": layer, "label": str(layer)} for layer in range(checkpoint.model.n_layers)],
    }
    return {
        "view": view.to_store(),
        "run": run if run != was["run"] else no_update,
        "edit": drawn if drawn != was["edit"] else no_update,
        "url": address(view.to_query(), checkpoint),
        "value": values,
        "options": offered if opened else dict.fromkeys(offered, no_update),
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
