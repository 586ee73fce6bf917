"""Figures that take a while: all rings around one edit, and looks inside the unedited model. They begin when the tables stand."""

from __future__ import annotations

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update
from dash.exceptions import PreventUpdate

from app import theme, words
from app.client import ApiError, Client
from app.figures.memory import memory_figure
from app.figures.rings import rings_figure
from app.figures.tracing import tracing_figure
from app.reproduce import names, sentences
from app.state import Edit, Relation, See, ViewState
from backend.reproduction_schemas import Tracing

Json = dict[str, Any]
POINTS = 128  # of each ring: 48 pictures of them are all that a browser draws at once with pleasure


def register(app: Dash, client: Client) -> None:
    app.clientside_callback(
        ClientsideFunction("reproduce", "explore"),
        Output(names.RINGS_TITLE, "title"),
        Input(names.RINGS, "clickData"),
        State(names.RINGS, "figure"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(names.RINGS, "figure"),
        Output(names.RINGS_TITLE, "children"),
        Output(names.RINGS_OVER, "children"),
        Output(names.RINGS_WORDS, "children"),
        Output(names.PROBLEM_RINGS, "children"),
        Input(names.OPENED, "data"),
        Input(names.EDIT, "data"),
        prevent_initial_call=True,
    )
    async def rings(opened: str | None, chosen: Json | None) -> Any:
        if chosen is None or opened is None or opened != chosen["checkpoint"]:
            raise PreventUpdate
        edit = Edit.parse(chosen["edit"])
        try:
            found = await client.rings(opened, (edit,), POINTS)
            made = (await client.edit(opened, (edit,))).edits[0]
        except ApiError as error:
            return no_update, no_update, no_update, no_update, f"The rings could not be drawn: {error.message}"
        links = {item.relation: explore_link(opened, edit, item.relation) for item in found.pictures}
        figure = rings_figure(found, edit.relation, links.__getitem__)
        figure["layout"]["meta"] = {"links": links}
        title = f"{edit.relation} of {edit.subject}: {made.old_object} becomes {made.new_object} ({words.target(edit)}, {theme.method_name(edit.method)})"
        over = (
            f"{'Written' if made.success else 'Not written: the target was not reached'}. Isomap of all entities, {found.entities} of each ring drawn; "
            f"colour is the place on its own ring. Click a picture to open it in Explore."
        )
        return figure, title, over, sentences.rings_words(found, await client.checkpoints()), ""

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
            return *[no_update] * 6, f"The tracing could not be made: {error.message}"
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
        except ApiError as error:
            return no_update, no_update, f"Keys and values could not be drawn: {error.message}"
        return memory_figure(found), sentences.memory_words(found), ""


def explore_link(checkpoint: str, edit: Edit, relation: str) -> str:
    """The Explore page on this edit, looking at `relation`."""
    see = See(relation=None if relation == edit.relation else relation)
    view = ViewState(checkpoint, edit.subject, Relation.parse(edit.relation), edit.target, edits=(edit,), see=see)
    return f"/?{view.to_query()}"
