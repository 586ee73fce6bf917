"""Where R is read: at what the scenes show, where that is not where the panel's R is read; and at all sites, when someone wants to see them."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from app import batches, ids, options, views
from app.callbacks import stored
from app.client import ApiError, Client
from app.components import plain

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.R_SITE, "content"),
        Output(ids.R_AT, "children"),
        Output(ids.PROBLEM_SITE, "children"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        prevent_initial_call=True,
    )
    async def shown(model: Json | None, see: Json | None) -> Any:
        if model is None or see is None:
            raise PreventUpdate
        edits, site = stored.edits_of(model), stored.see_of(see).site
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
            elsewhere = edits and site in checkpoint.model.sites and site != checkpoint.model.default_site
            found = await client.sites(checkpoint.id, edits, [site]) if elsewhere and site else None
        except ApiError as error:
            return [], no_update, f"R at what is shown could not be computed: {error.message}"
        return plain(views.r_shown(found)), views.read_at(checkpoint), ""

    @app.callback(
        Output(ids.SITES_TABLE, "content"),
        Output(ids.PROBLEM_SITES, "children"),
        Input(ids.SITES_FOLD, "open"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        prevent_initial_call=True,
    )
    async def every(opened: bool | None, model: Json | None, see: Json | None) -> Any:
        if model is None or see is None:
            raise PreventUpdate
        edits = stored.edits_of(model)
        if not opened or not edits:  # a second of computing: not before someone wants to see it
            return [], ""
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
            found = await client.sites(checkpoint.id, edits)
        except ApiError as error:
            return [], f"R by site could not be computed: {error.message}"
        site = stored.see_of(see).site or checkpoint.model.default_site
        return plain(views.r_table(found, checkpoint, batches.last(edits).relation, site)), ""
