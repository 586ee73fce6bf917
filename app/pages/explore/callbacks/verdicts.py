"""Whether the pictures still have the shape of their world. A callback of its own: no picture waits for the numbers that judge it."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.VERDICTS_TABLE, "content"),
        Output(ids.VERDICTS_LINE, "children"),
        Output(ids.PROBLEM_VERDICTS, "children"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        Input(ids.ASK, "data"),
        prevent_initial_call=True,
    )
    async def verdicts(model: Json, see: Json, ask: Json) -> Any:
        if not (model and see and ask) or model["checkpoint"] != ask["checkpoint"]:
            raise PreventUpdate
        view = stored.see_of(see)
        try:
            found = await client.verdicts(model["checkpoint"], stored.edits_of(model), **view.asked(ask["relation"]))
        except ApiError as error:
            return no_update, no_update, f"The shape could not be judged: {error.message}"
        return plain(views.verdicts(found)), views.verdict_line(found), ""
