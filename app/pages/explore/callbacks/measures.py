"""R, accuracy, damage, ripples and edit quality: one evaluation of the present model."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import batches, ids, options, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.figures import damage_figure
from shatterscope.app.kit.sites import SUB_GRAPHS
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]
REST = ("at", "words", "beside", "told", "accuracy", "note", "damage", "ripples", "answers", "quality", "quality_line")


def register(app: Dash, client: Client) -> None:
    @app.callback(
        output={
            "r": {name: Output(f"r-{name}", "content") for name in SUB_GRAPHS},
            "value": {name: Output(f"r-{name}", "value") for name in SUB_GRAPHS},
            "at": Output(ids.R_AT, "children"),
            "words": Output(ids.R_WORDS, "children"),
            "beside": Output(ids.R_BESIDE, "content"),
            "told": Output(ids.TOLD, "children"),
            "accuracy": Output(ids.ACCURACY, "content"),
            "note": Output(ids.MEASURE_NOTE, "children"),
            "damage": Output(ids.DAMAGE_FIGURE, "figure"),
            "ripples": Output("ripples-table", "content"),
            "answers": Output(ids.ANSWERS_TABLE, "content"),
            "quality": Output(ids.QUALITY_TABLE, "content"),
            "quality_line": Output(ids.QUALITY_LINE, "children"),
            "problem": Output(ids.PROBLEM_MEASURE, "children"),
        },
        inputs={"model": Input(ids.MODEL, "data")},
        prevent_initial_call=True,
    )
    async def measures(model: Json | None) -> Any:
        if model is None:
            raise PreventUpdate
        edits = stored.edits_of(model)
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), model["checkpoint"])
            found = await client.evaluation(model["checkpoint"], edits)
            result = found if edits else None
            made = await client.edit(model["checkpoint"], edits) if edits else None
            last = batches.last(edits) if edits else None
            world = await client.world(model["checkpoint"])
        except ApiError as error:
            unchanged = dict.fromkeys(SUB_GRAPHS, no_update)
            rest = dict.fromkeys(REST, no_update)
            return {
                "r": unchanged,
                "value": unchanged,
                **rest,
                "problem": f"The numbers could not be computed: {error.message}",
            }
        r = views.r_values(checkpoint, result)
        return {
            "r": {name: plain(views.r_card(name, r[name], checkpoint, result, world)) for name in SUB_GRAPHS},
            "value": {name: "" if r[name] is None else repr(r[name]) for name in SUB_GRAPHS},
            "at": views.read_at(checkpoint),
            "words": views.r_words(result, made, world),
            "beside": plain(views.r_beside(result, made, world)),
            "told": views.told(len(batches.made(edits)), result, made, world),
            "accuracy": plain(views.accuracy(checkpoint, found, world)),
            "note": words.measured_over(found, world.noun),
            "damage": views.damage_of(result, last, world) if result and last else damage_figure([]),
            "ripples": plain(views.ripples(result, world.name)),
            "answers": plain(views.answers_grid(found, made, world)),
            "quality": plain(views.quality(result)),
            "quality_line": views.quality_line(result),
            "problem": "",
        }
