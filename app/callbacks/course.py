"""How the optimisation of one edit of the stack went."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from app import ids, views
from app.callbacks import stored
from app.client import ApiError, Client
from app.figures.course import course_figure

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "figure": Output(ids.COURSE_FIGURE, "figure"),
            "over": Output("course-over", "children"),
            "words": Output("course-words", "children"),
            "options": Output(ids.COURSE_EDIT, "options"),
            "value": Output(ids.COURSE_EDIT, "value"),
            "n": Output(ids.COURSE, "data-n"),
        },
        inputs={
            "model": Input(ids.MODEL, "data"),
            "asked": Input(ids.COURSE_EDIT, "value"),
            "known": State(ids.COURSE_EDIT, "options"),
        },
        prevent_initial_call=True,
    )
    async def course(model: Json | None, asked: str | None, known: list[Json] | None) -> Json:
        if model is None:
            raise PreventUpdate
        edits = stored.edits_of(model)
        try:
            result = await client.edit(model["checkpoint"], edits) if edits else None
        except ApiError:
            result = None  # the stack says what is wrong
        options = views.course_choices(result)
        values = [option["value"] for option in options]
        # The one chosen stays chosen as long as no edit comes or goes; else the last one is shown.
        kept = asked in values and (ctx.triggered_id == ids.COURSE_EDIT or len(known or ()) == len(options))
        chosen = asked if kept else values[-1] if values else None
        item = result.edits[int(chosen)] if result is not None and chosen is not None else None
        return {
            "figure": course_figure(item),
            "over": views.course_over(item) if item else "",
            "words": views.course_words(item) if item else "",
            "options": options,
            "value": chosen,
            "n": str(len(options)),
        }
