"""The method's parameters as a form made from its JSON Schema, and the model's mistakes as candidates for a corrective edit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, aims, ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.state import Tool, ViewState
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.PARAMETERS, "children"),
        Input(ids.TOOL, "data"),
        State(ids.MODEL, "data"),
        State({"type": "param", "name": ALL, "of": ALL}, "value"),
        State(ids.PARAMETERS, "children"),
        prevent_initial_call=True,
    )
    async def parameters(tool: Json | None, model: Json | None, shown: list[Any], form: Any) -> Any:
        if tool is None or model is None:
            raise PreventUpdate
        try:
            checkpoints, editors = await client.checkpoints(), await client.editors()
        except ApiError as error:
            return f"The parameters could not be read: {error.message}"
        view = replace(ViewState(), tool=Tool(**tool))
        resolved = actions.resolve(view, options.find_checkpoint(checkpoints, model["checkpoint"]), editors)
        owner = views.form_owner(tool, resolved.editor.name, resolved.preset)
        on_page = options.parameters_from_form(ctx.args_grouping[2]) if shown else {}
        # Rebuilding the form under someone's cursor would be rude: only when it shows something else.
        if form and on_page == resolved.parameters and all(item["id"]["of"] == owner for item in ctx.args_grouping[2]):
            raise PreventUpdate
        return views.parameter_form(resolved, owner)

    @app.callback(
        Output(ids.METHOD_TITLE, "children"),
        Output(ids.METHOD_NOTE, "children"),
        Input(ids.METHOD, "value"),
        prevent_initial_call=True,
    )
    async def method(name: str | None) -> Any:
        try:
            editor = next((each for each in await client.editors() if each.name == name), None)
        except ApiError:
            raise PreventUpdate from None
        if editor is None:
            raise PreventUpdate
        return views.about(editor)

    @app.callback(
        Output(ids.IMPLIED_NOTE, "children"),
        Output(ids.IMPLIED_NOTE, "data-tip"),
        Input(ids.TOOL, "data"),
        Input(ids.ASK, "data"),
        Input(ids.AIM, "data"),
        Input(ids.MODEL, "data"),
        prevent_initial_call=True,
    )
    async def implied(tool: Json | None, ask: Json | None, aim: Json | None, model: Json | None) -> Any:
        """What would be written together with the next edit: nothing is computed for it before someone asks for it."""
        if tool is None or ask is None or model is None or ask["checkpoint"] != model["checkpoint"]:
            raise PreventUpdate
        try:
            editors = await client.editors()
            editor = next((each for each in editors if each.name == tool["method"]), editors[0])
            if not editor.batches:
                return views.cannot_imply(editor, editors)
            if not tool["implied"]:
                return "", views.IMPLIES
            at, target = model["checkpoint"], stored.target_of(aim)
            found = await aims.look_up(client, at, ask["subject"], ask["relation"], target)
            if found.new is None or not found.truths:
                return "", views.IMPLIES
            facts = await client.implied(at, ask["subject"], ask["relation"], found.new, stored.edits_of(model))
            return views.joining(facts, (await client.world(at)).name)
        except ApiError as error:
            return error.message, ""

    @app.callback(
        Output(ids.ERRORS, "children"),
        Input(ids.ERRORS_FOLD, "n_clicks"),
        Input(ids.CHECKPOINT, "value"),
        prevent_initial_call=True,
    )
    async def errors(opened: int | None, checkpoint: str | None) -> Any:
        # Finding every mistake takes a while: not before someone wants to see them.
        if not opened or not checkpoint:
            raise PreventUpdate
        try:
            world = await client.world(checkpoint)
            return views.error_list(await client.errors(checkpoint), world.name)
        except ApiError as error:
            return error.message
