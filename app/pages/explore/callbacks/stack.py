"""The edit stack: chips in order, what each edit did, and how the optimisation of one of them went."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import actions, ids, options, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.figures.course import course_figure
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored
from shatterscope.wire.edits import EditResult

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "chips": Output(ids.EDIT_STACK, "children"),
            "outcomes": Output("outcomes-table", "content"),
            "problem": Output(ids.PROBLEM_EDIT, "children"),
            "course": {
                "figure": Output(ids.COURSE_FIGURE, "figure"),
                "over": Output("course-over", "children"),
                "words": Output("course-words", "children"),
                "options": Output(ids.COURSE_EDIT, "options"),
                "value": Output(ids.COURSE_EDIT, "value"),
                "n": Output(ids.COURSE, "data-n"),
            },
        },
        inputs={
            "model": Input(ids.MODEL, "data"),
            "asked": Input(ids.COURSE_EDIT, "value"),
            "known": State(ids.COURSE_EDIT, "options"),
        },
        prevent_initial_call=True,
    )
    async def stack(model: Json | None, asked: str | None, known: list[Json] | None) -> Json:
        if model is None:
            raise PreventUpdate
        edits = stored.edits_of(model)
        result, problem = None, ""
        batching: frozenset[str] = frozenset()
        d_mlp = 0
        name: words.Name = str
        try:
            name = (await client.world(model["checkpoint"])).name
            if edits:
                batching = actions.batching(await client.editors())
                checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
                result = await client.edit(model["checkpoint"], edits)
                d_mlp = checkpoint.model.d_mlp
        except ApiError as error:
            problem = f"{error.message} Undo, or change the edit and apply it again."
        # The one chosen stays chosen as long as no edit comes or goes; else the last one is shown.
        choices = views.course_choices(result, name)
        stays = ctx.triggered_id == ids.COURSE_EDIT or len(known or ()) == len(choices)
        return {
            "chips": views.chips(edits, result, batching, d_mlp, name),
            "outcomes": plain(views.outcomes(result, d_mlp, name)),
            "problem": problem,
            "course": _course(result, choices, asked if stays else None, name),
        }


def _course(result: EditResult | None, choices: list[dict[str, str]], asked: str | None, name: words.Name) -> Json:
    """Of the edit `asked` for, where it has a course; else of the last that has one."""
    values = [choice["value"] for choice in choices]
    chosen = asked if asked in values else values[-1] if values else None
    item = result.edits[int(chosen)] if result is not None and chosen is not None else None
    return {
        "figure": course_figure(item),
        "over": views.course_over(item, name) if item else "",
        "words": views.course_words(item, name) if item else "",
        "options": choices,
        "value": chosen,
        "n": str(len(choices)),
    }
