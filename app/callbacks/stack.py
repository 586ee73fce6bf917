"""The edit stack: chips in order, and what each edit did."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from app import actions, ids, options, views
from app.callbacks import stored
from app.client import ApiError, Client
from app.components import plain

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.EDIT_STACK, "children"),
        Output("outcomes-table", "content"),
        Output(ids.PROBLEM_EDIT, "children"),
        Input(ids.MODEL, "data"),
        prevent_initial_call=True,
    )
    async def stack(model: Json | None) -> Any:
        if model is None:
            raise PreventUpdate
        edits = stored.edits_of(model)
        if not edits:
            return views.chips(edits, None), plain(views.outcomes(None)), ""
        batching: frozenset[str] = frozenset()
        try:
            batching = actions.batching(await client.editors())
            checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
            result = await client.edit(model["checkpoint"], edits)
        except ApiError as error:
            message = f"{error.message} Undo, or change the edit and apply it again."
            return views.chips(edits, None, batching), plain(views.outcomes(None)), message
        d_mlp = 4 * checkpoint.model.d_model  # as in every transformer of this shape
        return views.chips(edits, result, batching, d_mlp), plain(views.outcomes(result, d_mlp)), ""
