"""Figures that take a while: all rings around one edit, and looks inside the unedited model. They begin when the tables stand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, Patch, State, ctx, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.components import plain
from shatterscope.app.kit.figures.memory import memory_figure
from shatterscope.app.kit.figures.rings import aspect, empty_figure, panels, to_come
from shatterscope.app.kit.figures.tracing import tracing_figure
from shatterscope.app.kit.state import Edit, See, ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.reproduce import names, sentences, tables
from shatterscope.wire.reproduction import RingPicture, Tracing

Json = dict[str, Any]
POINTS = 128  # of each ring: 48 pictures of them are all that a browser draws at once with pleasure
TOGETHER = 2  # rings that are computed at once: as many as a small machine has cores
PAUSE = 0.4  # seconds; what comes sooner is drawn together


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("reproduce", "explore"),
        Output(names.RINGS_TITLE, "title"),
        Input(names.RINGS, "clickData"),
        State(names.RINGS, "figure"),
        prevent_initial_call=True,
    )

    app.clientside_callback(
        ClientsideFunction("reproduce", "drawMore"), Output(names.RINGS_DRAWN, "id"), Input(names.RINGS_DRAWN, "data")
    )

    @app.callback(
        Output(names.RINGS, "figure"),
        Output(names.RINGS_TITLE, "children"),
        Output(names.RINGS_OVER, "children"),
        Output(names.RINGS_WORDS, "children"),
        Output(names.PROBLEM_RINGS, "children"),
        Output(names.RINGS_DRAWN, "data"),
        Output(names.RINGS, "style"),
        Input(names.OPENED, "data"),
        Input(names.EDIT, "data"),
        Input(names.RINGS_MORE, "data"),
        State(names.RINGS_DRAWN, "data"),
        prevent_initial_call=True,
    )
    async def rings(opened: str | None, chosen: Json | None, more: Json | None, drawn: Json | None) -> Any:
        """Each call draws what comes next, and its answer asks for the one after it: a picture is there as soon as it is made. `drawn` is
        what the figure on screen holds."""
        if chosen is None or opened is None or opened != chosen["checkpoint"]:
            raise PreventUpdate
        edit = Edit.parse(chosen["edit"])
        going = more is not None and more["of"] == chosen and more == drawn
        done: list[str] = more["done"] if going and more else []
        try:
            checkpoints = await client.checkpoints()
            world = await client.world(opened)
        except ApiError as error:
            return _not_drawn(error)
        elsewhere = sentences.clearer_rings(opened, checkpoints)
        relations = next(item.graph.relations for item in checkpoints if item.id == opened)
        waiting = [name for name in _in_order(relations, edit, world) if name not in done]
        if not going:
            links = {name: explore_link(opened, edit, name) for name in relations}
            empty = empty_figure(relations, edit.relation, links.__getitem__, world.pictures)
            empty["layout"]["meta"] = {"links": links}
            told = [*elsewhere, f"Drawing {len(relations)} relations, before and after the edit …"]
            return (
                empty,
                no_update,
                "computing …",
                told,
                "",
                {"of": chosen, "done": []},
                {"--aspect": f"{aspect(relations, world.pictures):.3f}"},
            )
        try:
            made = (await client.edit(opened, (edit,))).edits[0]
            found = await _next_rings(client, opened, edit, waiting)
            done = done + [item.relation for item in found]
            waiting = waiting[len(found) :]
            every = None if waiting else await client.rings(opened, (edit,), POINTS)
        except ApiError as error:
            return _not_drawn(error)
        traces, annotations = panels(found, relations, edit.relation, world.pictures)
        figure = Patch()
        figure["data"].extend(traces)
        figure["layout"]["annotations"].extend(annotations)
        figure["layout"]["shapes"] = to_come(relations, waiting, world.pictures)
        title = sentences.rings_title(edit, made, world)
        over = f"{sentences.rings_over(made, POINTS, world)} Click a picture to open it in Explore."
        said = (
            sentences.rings_words(every, checkpoints, world)
            if every
            else [*elsewhere, f"{len(done)} of {len(relations)} drawn …"]
        )
        return figure, title, over, said, "", {"of": chosen, "done": done, "all": not waiting}, no_update

    @app.callback(
        Output(names.SITES, "content"),
        Output(names.PROBLEM_SITES, "children"),
        Input(names.SITES_FOLD, "open"),
        Input(names.OPENED, "data"),
        Input(names.EDIT, "data"),
        prevent_initial_call=True,
    )
    async def sites(wanted: bool | None, opened: str | None, chosen: Json | None) -> Any:
        if chosen is None or opened is None or opened != chosen["checkpoint"]:
            raise PreventUpdate
        if not wanted:
            return [], ""
        edit = Edit.parse(chosen["edit"])
        try:
            checkpoint = options.find_checkpoint(await client.checkpoints(), opened)
            found = await client.sites(opened, (edit,))
            world = await client.world(opened)
        except ApiError as error:
            return [], f"R by site could not be computed: {error.message}"
        return plain(tables.sites_table(found, checkpoint, edit, world)), ""

    @app.callback(
        Output(names.TRACE_SUBJECT, "figure"),
        Output(names.TRACE_SUBJECT_OVER, "children"),
        Output(names.TRACE_SUBJECT_WORDS, "children"),
        Output(names.TRACE_RELATION, "figure"),
        Output(names.TRACE_RELATION_OVER, "children"),
        Output(names.TRACE_RELATION_WORDS, "children"),
        Output(names.PROBLEM_INSIDE, "children"),
        Input(names.OPENED, "data"),
        prevent_initial_call=True,
    )
    async def tracing(opened: str | None) -> Any:
        if opened is None:
            raise PreventUpdate
        try:
            found: dict[str, Tracing] = {item.corrupted: item for item in await client.tracings(opened)}
        except ApiError as error:
            return *[no_update] * (len(ctx.outputs_list) - 1), f"The tracing could not be made: {error.message}"
        parts: list[Any] = []
        for what in ("subject", "relation"):
            item = found.get(what)
            parts += (
                [tracing_figure(item), sentences.tracing_over(item), sentences.tracing_words(item)]
                if item
                else [no_update, "", ""]
            )
        return *parts, ""

    @app.callback(
        Output(names.MEMORY, "figure"),
        Output(names.MEMORY_OVER, "children"),
        Output(names.PROBLEM_INSIDE, "children", allow_duplicate=True),
        Input(names.OPENED, "data"),
        Input(names.MEMORY_RELATION, "value"),
        Input(names.LAYER, "value"),
        prevent_initial_call=True,
    )
    async def memory(opened: str | None, relation: str | None, layer: int | None) -> Any:
        if opened is None or not relation or layer is None:
            raise PreventUpdate
        try:
            found = await client.keys_values(opened, relation, layer)
            world = await client.world(opened)
        except ApiError as error:
            return no_update, no_update, f"Keys and values could not be drawn: {error.message}"
        drawn = world.drawn(found.relation, found.entities, found.order_position)
        return memory_figure(found, drawn), sentences.memory_words(found), ""


def _not_drawn(error: ApiError) -> tuple[Any, ...]:
    """Of `rings`: what was drawn stays."""
    return no_update, no_update, "", "", f"The relations could not be drawn: {error.message}", no_update, no_update


def _in_order(relations: Sequence[str], edit: Edit, world: World) -> list[str]:
    """The edited relation first, then its group, then the others."""
    group = world.relation(edit.relation).group
    return sorted(relations, key=lambda name: (name != edit.relation, world.relation(name).group != group))


async def _next_rings(client: Client, checkpoint: str, edit: Edit, waiting: Sequence[str]) -> list[RingPicture]:
    """The next few, made side by side; and more of them where they are known already and so come at once."""
    found: list[RingPicture] = []
    began = time.monotonic()
    while len(found) < len(waiting) and (not found or time.monotonic() - began < PAUSE):
        some = waiting[len(found) : len(found) + TOGETHER]
        found += (await client.rings(checkpoint, (edit,), POINTS, some)).pictures
    return found


def explore_link(checkpoint: str, edit: Edit, relation: str) -> str:
    """The Explore page on this edit, looking at `relation`."""
    see = See(relation=None if relation == edit.relation else relation)
    view = ViewState(checkpoint, edit.subject, edit.relation, edit.target, edits=(edit,), see=see)
    return f"/?{view.to_query()}"
