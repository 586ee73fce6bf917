"""The Compare page's callbacks: one for what is compared, and one each for every picture and every row, so that each comes when it is done."""

from __future__ import annotations

from typing import Any

from dash import MATCH, ClientsideFunction, Dash, Input, Output, State, no_update

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import Client
from shatterscope.app.pages.compare.job import numbers, picture, train
from shatterscope.app.pages.compare.plan import CONTROLS, OPTIONS, WORLD, Planner

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "value": {name: Output(name, "value") for name in CONTROLS},
            "options": {name: Output(name, "options") for name in OPTIONS},
            "colors": {name: Output(name, "colors") for name in (ids.ORDER, ids.DIRECTION, ids.HOPS)},
            "limits": {
                ids.SUBJECT: Output(ids.SUBJECT, "max"),
                ids.DISTANCE: Output(ids.DISTANCE, "max"),
                "min": Output(ids.DISTANCE, "min"),
            },
            "world": {name: Output(name, "data-world") for name in WORLD},
            "colors_told": Output(ids.COMPARE_COLORS, "children"),
            "columns": Output(ids.COMPARE_TABLE, "columns"),
            "groups": Output(ids.COMPARE_METHODS, "groups"),
            "picks": Output(ids.COMPARE_METHODS, "picks"),
            "sort": Output(ids.COMPARE_TABLE, "sort"),
            "question": Output(ids.QUESTION, "children"),
            "target": Output(ids.TARGET, "children"),
            "stack": Output(ids.COMPARE_STACK, "children"),
            "edits": Output(ids.COMPARE_EDIT, "data-edits"),
            "run": Output(ids.COMPARE_RUN, "children"),
            "disabled": Output(ids.COMPARE_RUN, "disabled"),
            "tiles": Output(ids.COMPARE_TILES, "children"),
            "rows": Output(ids.COMPARE_ROWS, "data"),
            "what": Output(ids.COMPARE_WHAT, "children"),
            "stale": Output(ids.COMPARE_STALE, "children"),
            "board": Output(ids.COMPARE_BOARD, "data-stale"),
            "plan": Output(ids.COMPARE_PLAN, "data"),
            "url_out": Output(ids.URL_OUT, "data"),
            "note": Output(ids.CHECKPOINT_NOTE, "children"),
            "note_title": Output(ids.CHECKPOINT_NOTE, "title"),
            "notice": Output(ids.NOTICE, "children"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "url": Input(ids.URL_IN, "data"),
            "value": {name: Input(name, "value") for name in CONTROLS},
            "sort": Input(ids.COMPARE_TABLE, "sort"),
            "clicks": Input(ids.CLICKS, "data"),
        },
        state={"plan": State(ids.COMPARE_PLAN, "data")},
        prevent_initial_call=True,
    )
    async def plan(**page: Any) -> Any:
        return await Planner(client, page).answer()

    @app.callback(
        Output({"type": "compare-graph", "index": MATCH}, "figure"),
        Output({"type": "compare-words", "index": MATCH}, "children"),
        Input({"type": "compare-view", "index": MATCH}, "data"),
        Input(ids.SCALE, "value"),
    )
    async def draw(view: Json | None, scale: str) -> Any:
        return (no_update, no_update) if view is None else await picture(client, view, scale)

    @app.callback(
        Output({"type": "compare-result", "index": MATCH}, "data"),
        Output({"type": "compare-r", "index": MATCH}, "children"),
        Input({"type": "compare-job", "index": MATCH}, "data"),
    )
    async def measure(job: Json | None) -> Any:
        return (no_update, no_update) if job is None else await numbers(client, job)

    @app.callback(
        Output({"type": "compare-words", "index": MATCH}, "children", allow_duplicate=True),
        Output({"type": "compare-more", "index": MATCH}, "data"),
        Input({"type": "compare-oracle", "index": MATCH}, "data"),
        prevent_initial_call="initial_duplicate",
    )
    async def learn(asked: Json) -> Any:
        return await train(client, asked)

    # (Where the stores below were outputs of `learn`, Dash would not call `draw` and `measure` for who is not trained.)
    app.clientside_callback(
        ClientsideFunction("compare", "more"),
        Output({"type": "compare-asked", "index": MATCH}, "data"),
        Input({"type": "compare-more", "index": MATCH}, "data"),
        prevent_initial_call=True,
    )

    app.clientside_callback(
        ClientsideFunction("clicks", "answered"), Output(ids.NOTICE, "data-seen"), Input(ids.COMPARE_PLAN, "data")
    )
    # Dash holds back a callback while any of its inputs is still being computed: one for all results would wait for the slowest.
    app.clientside_callback(
        ClientsideFunction("compare", "begin"),
        Output(ids.COMPARE_TABLE, "rows"),
        Output(ids.COMPARE_OVER, "children"),
        Input(ids.COMPARE_ROWS, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("compare", "result"),
        Output({"type": "compare-shown", "index": MATCH}, "data"),
        Input({"type": "compare-result", "index": MATCH}, "data"),
    )
