"""The panels: each asks for what it needs while it is unfolded."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from shatterscope.app.kit import ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.app.pages.explore.panels import PANELS, Around, Panel

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    for panel in PANELS.values():
        _register(app, client, panel)


def _register(app: Dash, client: Client, panel: Panel) -> None:
    app.clientside_callback(
        ClientsideFunction(
            "panels", "always" if panel.without_edits else "asked"
        ),  # nothing is asked of the server that the page does not show
        Output(panel.asked, "data"),
        Input(panel.fold, "open"),
        Input(ids.MODEL, "data"),
        *([Input(ids.SEE, "data")] if panel.follows_site else []),
        State(panel.asked, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(panel.body, panel.content),
        Output(panel.problem, "children"),
        Input(panel.asked, "data"),
        prevent_initial_call=True,
    )
    async def show(asked: Json | None) -> Any:
        """`asked`: checkpoint and edits as in the model's part, and the site of the scenes; None where nobody looks."""
        if asked is None:
            return [], ""
        edits = stored.edits_of(asked)
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), asked["checkpoint"])
            if not panel.offered(checkpoint, edits):
                recorded = checkpoint.language is not None and checkpoint.language.recorded is not None
                return [], f"{panel.failed}: it is not in the recording of {checkpoint.id}." if recorded else ""
            world = await client.world(checkpoint.id)
            found = await panel.needs(client, checkpoint.id, edits)
        except ApiError as error:
            return [], f"{panel.failed}: {error.message}"
        site = asked.get("site") or checkpoint.model.default_site
        shown = panel.markup(found, Around(checkpoint, world, edits, site))
        return shown if panel.pressed else plain(shown), ""
