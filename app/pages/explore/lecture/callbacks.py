"""Fetches the lesson that the address names; showing it is the browser's work."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, aims, ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.state import ViewState
from shatterscope.app.pages.explore.lecture.told import told
from shatterscope.wire.edits import EditorInfo
from shatterscope.wire.world import CheckpointInfo


async def _settled(client: Client, query: str, checkpoints: list[CheckpointInfo], editors: list[EditorInfo]) -> str:
    """A step in a world of no rings that names no question asks the one that its checkpoint opens on, as the page does."""
    view, _ = ViewState.from_query(query)
    checkpoint = options.find_checkpoint(checkpoints, view.checkpoint)
    fitted, _ = actions.fit(view, checkpoint, editors)
    settled = await aims.settled(client, fitted, checkpoint.id)
    return query if settled == fitted else settled.to_query()


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
            checkpoints = await client.checkpoints()
            editors = await client.editors()
            lesson = told(await client.lesson(asked), checkpoints, editors)
            for step in lesson["steps"]:
                for shown in (step, step.get("reveal")):
                    if shown is not None:
                        shown["query"] = await _settled(client, shown["query"], checkpoints, editors)
            return lesson, ""
        except ApiError as error:
            return no_update, f"{error.message} Press Esc to leave the lecture."
