"""What the next edit will do: asked while it stands in the rail and is not applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, aims, ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.state import Edit, ViewState
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.EXPECTED, "content"),
        Output(ids.FORESEEN, "data"),
        Input(ids.TOOL, "data"),
        Input(ids.ASK, "data"),
        Input(ids.AIM, "data"),
        Input(ids.MODEL, "data"),
        Input(ids.EXPECTED_SHOWN, "value"),
        State(ids.FORESEEN, "data"),
        prevent_initial_call=True,
    )
    async def expected(
        tool: Json | None, ask: Json | None, aim: Json | None, model: Json | None, shown: bool, drawn: Json | None
    ) -> Any:
        """`drawn`: what the scene is coloured by now; it is not sent again, so that nothing is drawn for it."""
        if not (tool and ask and aim and model) or model["checkpoint"] != ask["checkpoint"]:
            raise PreventUpdate
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
            view = ViewState(
                subject=ask["subject"],
                relation=ask["relation"],
                target=stored.target_of(aim),
                tool=stored.tool_of(tool),
                edits=stored.edits_of(model),
            )
            edit = actions.next_edit(view, actions.resolve(view, checkpoint, await client.editors()))
            found = await aims.look_up(client, checkpoint.id, edit.subject, edit.relation, edit.target)
            if found.new is None or found.new in found.truths or _applied(view.edits, edit):
                return [], no_update if drawn is None else None
            now = await client.fact(checkpoint.id, edit.subject, edit.relation, view.edits)
            world = await client.world(checkpoint.id)
            if now.prediction == found.new:
                return plain(views.taught(world.name(found.new))), no_update if drawn is None else None
            told = await client.prediction(checkpoint.id, (*view.edits, edit))
        except ApiError as error:
            return plain(f"Nothing can be foreseen: {error.message}"), no_update if drawn is None else None
        foreseen = None
        if shown and told.overlap is not None:
            foreseen = {"checkpoint": checkpoint.id, "relation": told.relation, "overlap": told.overlap.model_dump()}
        return plain(views.expected(told, edit, world.noun)), no_update if foreseen == drawn else foreseen


def _applied(edits: tuple[Edit, ...], edit: Edit) -> bool:
    """Whether `edit` is the last of the stack, so that its damage is there to be seen."""
    return bool(edits) and replace(edits[-1], strength=edit.strength, batch=edit.batch) == edit
