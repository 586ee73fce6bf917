"""Fetches the lesson that the address names; showing it is the browser's work."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.pages.explore.lecture.told import told


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("lecture", "wanted"), Output(ids.LESSON_ASKED, "data"), Input(ids.URL_IN, "data")
    )
    app.clientside_callback(
        ClientsideFunction("lecture", "show"),
        Output(ids.LECTURE, "data-lesson"),
        Input(ids.LESSON, "data"),
        Input(ids.URL_IN, "data"),
    )

    @app.callback(
        Output(ids.LESSON, "data"),
        Output(ids.PROBLEM_LECTURE, "children"),
        Input(ids.LESSON_ASKED, "data"),
        prevent_initial_call=True,
    )
    async def lesson(asked: str | None) -> Any:
        if not asked:
            raise PreventUpdate
        try:
            found = await client.lesson(asked)
            return told(found, await client.checkpoints(), await client.editors()), ""
        except ApiError as error:
            return no_update, f"{error.message} Press Esc to leave the lecture."
