"""Ask: the truth, the model's answer before and after, its top answers, and what the next edit would teach."""

from __future__ import annotations

import asyncio
from typing import Any

from dash import Dash, Input, Output, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import aims, ids, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.parts import teaches
from shatterscope.app.kit.rings import RingSteps, place_colors
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
            world = await client.world(model["checkpoint"])
            if not world.rings and not (await client.targets(*question)).truths:
                return views.no_truth(world.called(ask["subject"]), ask["relation"]), "–", [], ""
            base, edited = await asyncio.gather(client.fact(*question), client.fact(*question, edits))
        except ApiError as error:
            return no_update, no_update, no_update, error.message
        return (
            views.truth(base, world.name, world.spoken),
            views.answer(base, edited, world.name),
            plain(views.top(base, edited, bool(edits), world.name)),
            "",
        )

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
        chosen = stored.target_of(aim)
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), ask["checkpoint"])
            world = await client.world(checkpoint.id)
            found = await aims.look_up(client, checkpoint.id, ask["subject"], ask["relation"], chosen)
        except ApiError:
            raise PreventUpdate from None
        colors: Json = dict.fromkeys((ids.ORDER, ids.DIRECTION, ids.HOPS), no_update)
        if world.rings:
            rings = {order: world.positions(order) for order in checkpoint.graph.orders}
            colors = place_colors(checkpoint.graph, rings, ask["subject"], RingSteps.parse(ask["relation"]))
        steps = None if chosen.distance is None and world.rings else found.distance
        return (
            views.question(world, ask["subject"], ask["relation"]),
            teaches(found, steps, world),
            views.legend(world, world.relation(ask["relation"]).group, found.marks),
            *(colors[name] for name in (ids.ORDER, ids.DIRECTION, ids.HOPS)),
        )
