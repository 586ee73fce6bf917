"""Callbacks: the address into the controls; the controls into the picture, and back into the address."""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, html, no_update
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figures.in_context import curves_figure, words_figure
from shatterscope.app.kit.parts import Node, sentences
from shatterscope.app.pages.in_context import names
from shatterscope.app.pages.in_context.state import MAX_LENGTH, ContextView
from shatterscope.wire.in_context import MAX_SEED, InContextResult


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(names.GRAPH, "value"),
        Output(names.SEED, "value"),
        Output(names.LENGTH, "value"),
        Output(ids.NOTICE, "children"),
        Input(ids.URL_IN, "data"),
        prevent_initial_call=True,
    )
    def open_address(url: dict[str, Any] | None) -> Any:
        if url is None:
            raise PreventUpdate
        view, notices = ContextView.from_query(str(url.get("query") or ""))
        return view.graph, view.seed, view.length, sentences(list(notices))

    @app.callback(
        output={
            "words": Output(names.WORDS, "figure"),
            "over": Output(names.WORDS_OVER, "children"),
            "curves": Output(names.CURVES, "figure"),
            "text": Output(names.TEXT, "children"),
            "read": Output(names.READ, "children"),
            "seen": Output(names.SEEN, "children"),
            "url": Output(ids.URL_OUT, "data"),
            "problem": Output(ids.PROBLEM_PAGE, "children"),
        },
        inputs={
            "graph": Input(names.GRAPH, "value"),
            "seed": Input(names.SEED, "value"),
            "length": Input(names.LENGTH, "value"),
        },
        prevent_initial_call=True,
    )
    async def show(graph: Any, seed: Any, length: Any) -> Any:
        if None in (graph, seed, length):
            raise PreventUpdate
        view = ContextView(graph, min(max(int(seed), 0), MAX_SEED), min(max(int(length), 1), MAX_LENGTH))
        try:
            found = await client.in_context(view.graph, view.seed)
        except ApiError as error:
            nothing = dict.fromkeys(("words", "over", "curves", "text", "read", "seen", "url"), no_update)
            return {**nothing, "problem": error.message}
        return {
            "words": words_figure(found, view.length),
            "over": met(found, view.length),
            "curves": curves_figure(found, view.length),
            "text": text(found, view.length),
            "read": words.plural(view.length, "word"),
            "seen": seen(found, view.length),
            "url": view.to_query(),
            "problem": "",
        }


def met(result: InContextResult, length: int) -> str:
    """How many of the words have occurred, and which have not."""
    missing = sorted(set(range(len(result.words))) - set(result.text[:length]))
    told = f"{len(result.words) - len(missing)} of {len(result.words)} words met"
    return f"{told}; not yet: {', '.join(result.words[vertex] for vertex in missing)}" if missing else told


def text(result: InContextResult, length: int) -> Node:
    """The words read, the last one marked."""
    *before, last = (result.words[vertex] for vertex in result.text[:length])
    return [" ".join(before), " ", html.B(last)]


def seen(result: InContextResult, length: int) -> str:
    """The numbers at this length, in a sentence each."""
    share, chance, energy = (values[length - 1] for values in (result.share, result.chance, result.energy))
    if share is None or chance is None or energy is None:
        return "Of fewer than three words no shape can be told. Read on."
    loss, floor = result.loss[length - 1], result.floor[length - 1]
    return (
        f"After {words.plural(length, 'word')}, {words.percent(share)} of the words nearest to each are its neighbours in this {result.graph}; by "
        f"chance it would be {words.percent(chance)}. Neighbours are {words.fixed(energy, 2)} times as far apart (squared) as any two words. Predicting the "
        f"next word costs {words.fixed(loss, 2)} nats, and one who knows the {result.graph} {words.fixed(floor, 2)}."
    )
