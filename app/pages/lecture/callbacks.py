"""The Lecture page's callback: which lessons are here."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.pages.lecture.layout import cards


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.LESSONS, "children"),
        Output(ids.PROBLEM_PAGE, "children"),
        Input(ids.URL_IN, "data"),
        prevent_initial_call=True,
    )
    async def lessons(url: Any) -> Any:
        if url is None:
            raise PreventUpdate
        try:
            return cards(await client.lessons()), ""
        except ApiError as error:
            return [], error.message
