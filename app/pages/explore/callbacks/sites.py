"""Where R is read: at what the scenes show, where that is not where the panel's R is read; and at all sites, when someone wants to see them."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from shatterscope.app.kit import batches, ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.sites import r_table
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("sites", "asked"),  # nothing is asked of the server that the page does not show
        Output(ids.SITES_ASKED, "data"),
        Input(ids.MODEL, "data"),
        Input(ids.SEE, "data"),
        Input(ids.SITES_FOLD, "open"),
        State(ids.SITES_ASKED, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.R_SITE, "content"),
        Output(ids.SITES_TABLE, "content"),
        Output(ids.PROBLEM_SITE, "children"),
        Output(ids.PROBLEM_SITES, "children"),
        Input(ids.SITES_ASKED, "data"),
        prevent_initial_call=True,
    )
    async def sites(asked: Json | None) -> Any:
        """`asked`: checkpoint and edits as in the model's part, `site` of the scenes (None: the one the panel's R is of), and `every`."""
        if asked is None:
            return [], [], "", ""
        edits, site, every = stored.edits_of(asked), asked["site"], asked["every"]
        try:
            world = await client.world(asked["checkpoint"])
            checkpoint = options.find_checkpoint(await client.checkpoints(), asked["checkpoint"])
            found = await client.sites(checkpoint.id, edits, None if every else [site])
        except ApiError as error:
            problem = f"could not be computed: {error.message}"
            return [], [], *(("", f"R by site {problem}") if every else (f"R at what is shown {problem}", ""))
        here = found.model_copy(update={"sites": [row for row in found.sites if row.site == site]})
        edited = batches.last(edits).relation
        table = (
            r_table(found, checkpoint, edited, site or checkpoint.model.default_site, world=world) if every else None
        )
        return plain(views.r_shown(here if site else None)), plain(table) if table else [], "", ""
