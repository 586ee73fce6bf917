"""Callbacks: parse the state, ask the client, hand arrays to a pure function. No logic of their own.

`intent` turns what the person did into parts of the state; the others each watch the parts they need, so that the scenes, the
answers and the numbers arrive independently.
"""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input, Output

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import Client
from shatterscope.app.pages.explore.callbacks import (
    answers,
    intent,
    measures,
    panels,
    predictions,
    scenes,
    sites,
    stack,
    tool,
    verdicts,
)
from shatterscope.app.pages.explore.lecture import callbacks as lecture
from shatterscope.app.pages.explore.panels import PANELS

# Pure functions of what the page sends, by their first output: many who see the same view cost one answer. (`shatterscope.app.kit.serving.pure`)
SHARED = tuple(
    f"{name}.{value}"
    for name, value in (
        (ids.CHECKPOINT, "value"),
        (ids.TRUTH, "children"),
        (ids.QUESTION, "children"),
        (ids.EDIT_STACK, "children"),
        (ids.SCENE_BEFORE, "figure"),
        (ids.R_EDIT, "content"),
        (ids.VERDICTS_TABLE, "content"),
        (ids.R_SITE, "content"),
        *((panel.body, panel.content) for panel in PANELS.values()),
    )
)


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("shatterscope", "showStrength"),
        Output("strength-value", "children"),
        Input(ids.STRENGTH, "value"),
    )
    app.clientside_callback(
        ClientsideFunction("shatterscope", "shareDistance"),
        Output(ids.NEAR, "title"),
        *(Input(name, "value") for name in (ids.NEAR, ids.DISTANCE_SLIDER, ids.DISTANCE)),
    )
    app.clientside_callback(
        ClientsideFunction("clicks", "answered"), Output(ids.NOTICE, "data-seen"), Input(ids.HISTORY, "data")
    )
    app.clientside_callback(
        ClientsideFunction("camera", "look"),
        Output(ids.SCENES, "data-camera"),
        Input(ids.CAMERA, "data"),
        prevent_initial_call=True,
    )
    for module in (intent, answers, tool, stack, scenes, measures, verdicts, sites, panels, predictions, lecture):
        module.register(app, client)
