"""Where a fact can be written: its edit at every layer and token, when someone wants to see it."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from shatterscope.app.kit import batches, ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("sites", "placements"),  # an edit for every place: not before someone wants to see them
        Output(ids.PLACEMENTS_ASKED, "data"),
        Input(ids.MODEL, "data"),
        Input(ids.PLACEMENTS_FOLD, "open"),
        State(ids.PLACEMENTS_ASKED, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.PLACEMENTS_TABLE, "children"),
        Output(ids.PROBLEM_PLACEMENTS, "children"),
        Input(ids.PLACEMENTS_ASKED, "data"),
        prevent_initial_call=True,
    )
    async def placements(asked: Json | None) -> Any:
        """`asked`: checkpoint and edits as in the model's part; None where nobody looks."""
        edits = stored.edits_of(asked)
        if asked is None or not edits:
            return [], ""
        try:
            found = await client.placements(asked["checkpoint"], edits)
            world = await client.world(asked["checkpoint"])
        except ApiError as error:
            return [], f"Where this fact can be written could not be computed: {error.message}"
        index = batches.last_index(edits)
        return views.placements(found, f"{index}~{edits[index]}", world.name, world.noun), ""
