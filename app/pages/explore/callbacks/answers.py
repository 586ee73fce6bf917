"""Ask: the truth, the model's answer before and after, its top answers, and what the next edit would teach."""

from __future__ import annotations

import asyncio
from typing import Any

from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, options, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.parts import teaches
from shatterscope.app.pages.explore import views
from shatterscope.app.pages.explore.callbacks import stored

Json = dict[str, Any]


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(ids.TRUTH, "children"),
        Output(ids.ANSWER, "children"),
        Output(ids.TOP, "content"),
        Output(ids.PROBLEM_ASK, "children"),
        Input(ids.ASK, "data"),
        Input(ids.MODEL, "data"),
        prevent_initial_call=True,
    )
    async def answer(ask: Json | None, model: Json | None) -> Any:
        if ask is None or model is None or ask["checkpoint"] != model["checkpoint"]:
            raise PreventUpdate
        edits = stored.edits_of(model)
        question = (model["checkpoint"], ask["subject"], ask["relation"])
        try:
            base, edited = await asyncio.gather(client.fact(*question), client.fact(*question, edits))
        except ApiError as error:
            return no_update, no_update, no_update, error.message
        return views.truth(base), views.answer(base, edited), plain(views.top(base, edited, bool(edits))), ""

    @app.callback(
        Output(ids.QUESTION, "children"),
        Output(ids.TARGET, "children"),
        Output(ids.LEGEND, "children"),
        Output(ids.ORDER, "colors"),
        Output(ids.DIRECTION, "colors"),
        Output(ids.HOPS, "colors"),
        Input(ids.ASK, "data"),
        Input(ids.AIM, "data"),
        prevent_initial_call=True,
    )
    async def target(ask: Json | None, aim: Json | None) -> Any:
        if ask is None or aim is None:
            raise PreventUpdate
        relation, chosen = stored.relation_of(ask), stored.target_of(aim)
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), ask["checkpoint"])
            world = await client.world(checkpoint.id)
        except ApiError:
            raise PreventUpdate from None
        rings = {order: world.positions(order) for order in checkpoint.graph.orders}
        position = rings[relation.order]
        old = options.object_at(position, ask["subject"], relation, 0)
        new = (
            options.object_at(position, ask["subject"], relation, chosen.distance)
            if chosen.distance is not None
            else chosen.object
        )
        marks = {"subject": ask["subject"], "old": old, "new": new}
        turns = {
            role: (entity, position[entity] / len(position)) for role, entity in marks.items() if entity is not None
        }
        colors = options.place_colors(checkpoint.graph, rings, ask["subject"], relation)
        return (
            words.question(ask["subject"], relation),
            teaches(old, new, chosen.distance),
            views.legend(relation.order, turns),
            *(colors[name] for name in (ids.ORDER, ids.DIRECTION, ids.HOPS)),
        )
