"""The League page's markup."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit.components import Choice, SortTable
from shatterscope.app.kit.figure_card import figure_card
from shatterscope.app.kit.figures.plain import nothing
from shatterscope.app.kit.parts import Node, labelled
from shatterscope.app.pages.league import names

SETS = [
    {"value": "open", "label": "open", "title": "The edits to develop with"},
    {
        "value": "sealed",
        "label": "sealed",
        "title": "Edits held apart, for claims: nothing was chosen by looking at them",
    },
]
FAMILIES = [
    {"value": "all", "label": "all"},
    {"value": "weights", "label": "change weights", "title": "Methods that change weights that the model has"},
    {"value": "beside", "label": "add beside", "title": "Methods that add something beside the weights"},
]
ATS = [
    {"value": "equal", "label": "equal efficacy", "title": "Each edit at the smallest strength at which it takes"},
    {"value": "full", "label": "strength 1", "title": "Each edit as the method makes it"},
]
EFFICACIES = [
    {"value": "success", "label": "success", "title": "Share of edits that take"},
    {"value": "generality", "label": "generality", "title": "The same facts behind true contexts"},
]


def layout() -> list[Node]:
    return [
        html.Main(
            [head(), html.Div(id=names.EMPTY, className="league-empty"), html.Div([figure(), table()], id=names.BOARD, className="league-board")],
            className="league",
        )
    ]  # fmt: skip


def head() -> Node:
    return html.Section(
        [
            html.Div(
                [
                    html.H1("League table"),
                    html.P(
                        "Every preset of every method on the same edits. A method that pushes further than it needs shatters more than it has to, so they are compared "
                        "at equal efficacy: each edit at the smallest strength at which the new fact is answered, bare and behind nine in ten true contexts.",
                        className="lead",
                    ),
                    html.P(id=names.OVER, className="note"),
                ]
            ),
            html.Div(
                [
                    labelled("set", Choice(id=names.SET, options=SETS, value="open", label="set of edits")),
                    html.Div(
                        [
                            labelled("distance", Choice(id=names.DISTANCE, options=[], value="all", label="distance of the edits"), hint="From the old object to the new one."),
                            labelled("methods", Choice(id=names.FAMILY, options=FAMILIES, value="all", label="kind of methods")),
                            labelled("compared at", Choice(id=names.AT, options=ATS, value="equal", label="compared at")),
                        ],
                        id=names.CHOICES,
                        className="controls",
                    ),
                ],
                className="controls",
            ),
        ],
        className="card league-head",
    )  # fmt: skip


def figure() -> Node:
    choice = Choice(id=names.EFFICACY, options=EFFICACIES, value="success", label="efficacy in the figure")
    return figure_card(
        names.FRONT, "Efficacy against shattering", html.Span([html.Span(id=names.FRONT_OVER), choice]), figure=nothing("computing …"), className="front",
        explained="A point is a preset of a method; filled where the preset is ours. On the dotted line are those that no other beats: none shatters less and writes at least as well.",
    )  # fmt: skip


def table() -> Node:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(["The table ", html.Span(id=names.TABLE_OVER, className="note")]),
                    html.A("CSV", id=names.CSV, className="download button", title="The table with all intervals, at both strengths, one line a row"),
                ],
                className="league-table-head",
            ),
            SortTable(id=names.TABLE, columns=[], rows=[], sort="", label="Every preset of every method", empty="computing …"),
        ],
        **{"aria-label": "The table"},
    )  # fmt: skip
