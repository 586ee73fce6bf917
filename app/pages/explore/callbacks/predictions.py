"""What the next edit will do: asked while it stands in the rail and is not applied."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.state import ViewState
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.app.pages.explore.foreseen import foresee

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
            found, world = await foresee(client, view, checkpoint), await client.world(checkpoint.id)
        except ApiError as error:
            return plain(f"Nothing can be foreseen: {error.message}"), no_update if drawn is None else None
        if found is None:
            return plain(views.played_back(checkpoint)), no_update if drawn is None else None
        told = found.result
        if told is None:
            return plain(views.taught(world.name(found.new))), no_update if drawn is None else None
        foreseen = None
        if shown and told.overlap is not None:
            foreseen = {"checkpoint": checkpoint.id, "relation": told.relation, "overlap": told.overlap.model_dump()}
        return plain(views.expected(told, found.edit, world.noun)), no_update if foreseen == drawn else foreseen
