"""The page's markup. What the callbacks fill in stands empty here."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit.components import Choice, Field, Range
from shatterscope.app.kit.figure_card import figure_card
from shatterscope.app.kit.parts import Node, labelled
from shatterscope.app.pages.in_context import names
from shatterscope.app.pages.in_context.state import MAX_LENGTH
from shatterscope.wire.in_context import MAX_SEED

GRAPHS = [
    {"value": "ring", "label": "ring", "title": "Twelve words on a ring"},
    {"value": "grid", "label": "grid", "title": "Twelve words on a grid of three by four"},
]
ENERGY = (
    "Dirichlet energy, Park et al.'s measure: the mean squared distance between neighbours, as a share of that between all words. "
    "1 where neighbours are no nearer than others."
)
OPENING = (
    "A small model reads a walk through twelve words on a ring or a grid, in an order that it has never seen. No weight changes: the shape is made in its "
    "activations, from the text alone. After "
)


def layout() -> list[Node]:
    return [
        html.Main(
            [head(), controls(), html.Div([picture(), aside()], className="columns"), meaning()], className="in-context"
        )
    ]


def head() -> Node:
    return html.Div(
        [
            html.H1("Geometry made while reading"),
            html.P(
                [
                    OPENING,
                    html.Cite("In-Context Learning of Representations"),
                    " (Park et al. 2024).",
                ],
                className="lead",
            ),
        ]
    )


def controls() -> Node:
    return html.Div(
        [
            labelled(
                "world", Choice(id=names.GRAPH, options=GRAPHS, label="shape of the world that the text walks on")
            ),
            labelled(
                "order",
                html.Div(
                    [
                        Field(
                            id=names.SEED,
                            type="number",
                            min=0,
                            max=MAX_SEED,
                            step=1,
                            label="number of the order and the walk",
                        ),
                        html.Button("Another order", id=names.ANOTHER, type="button"),
                    ],
                    className="order",
                ),
                hint="Each number puts the words in another order and takes another walk.",
            ),
            labelled(
                "words read",
                html.Div(
                    [
                        html.Button("Play", id=names.PLAY, type="button", title="Read on, word by word"),
                        Range(id=names.LENGTH, min=1, max=MAX_LENGTH, step=1, every=60, label="words read"),
                        html.Output("", id=names.READ),
                    ],
                    className="reading",
                ),
                className="wide",
            ),
        ],
        className="controls card",
    )


def picture() -> Node:
    return figure_card(
        names.WORDS,
        "Where each word stands",
        html.Span(id=names.WORDS_OVER),
        explained="Each word's mean representation over its last three occurrences, behind the last layer’s attention, in two principal components. The lines are the "
        "world's edges, drawn by us: the model is never shown them.",
        className="words-card",
    )


def aside() -> Node:
    return html.Div(
        [
            html.Section(
                [html.H2("The text so far"), html.P(id=names.TEXT, className="text")],
                className="card",
                **{"aria-label": "The text so far"},
            ),
            figure_card(names.CURVES, "How it came about", "one text", explained=ENERGY, className="curves-card"),
        ],
        className="aside",
    )


def meaning() -> Node:
    return html.Section(
        [
            html.H2("What is seen"),
            html.P(id=names.SEEN),
            html.P(
                "In training each text had an order of its own, so none is worth keeping in the weights; what they hold is a way of reading one. The same "
                "model before its training, reading the same texts, stays at chance."
            ),
            html.P(
                "On the other pages the geometry is in the weights: training puts it there, and an edit of one fact breaks it for others. Here the context "
                "makes it, and it ends with the context. Both say that a model's geometry is what it takes the world to be."
            ),
        ],
        className="card meaning",
        **{"aria-label": "What is seen"},
    )
