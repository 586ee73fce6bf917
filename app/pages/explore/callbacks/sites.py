"""R at what the scenes show, where that is not where the numbers' R is read."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("panels", "site"),  # nothing is asked of the server that the page does not show
        Output(ids.R_SITE_ASKED, "data"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        State(ids.R_SITE_ASKED, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.R_SITE, "content"),
        Output(ids.PROBLEM_SITE, "children"),
        Input(ids.R_SITE_ASKED, "data"),
        prevent_initial_call=True,
    )
    async def sites(asked: Json | None) -> Any:
        """`asked`: checkpoint and edits as in the model's part, and `site` of the scenes; None where there is nothing to tell."""
        if asked is None:
            return [], ""
        try:
            found = await client.sites(asked["checkpoint"], stored.edits_of(asked), [asked["site"]])
        except ApiError as error:
            return [], f"R at what is shown could not be computed: {error.message}"
        return plain(views.r_shown(found)), ""
