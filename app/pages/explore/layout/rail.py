"""Left rail: ask a question, then change the answer."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.components import Choice, Field, Plain, Range, Select, Switch
from shatterscope.app.kit.options import DIRECTIONS
from shatterscope.app.kit.parts import DISTANCE_HINT, Node, card, labelled, new_object, pickers, problem
from shatterscope.app.kit.words import plural


def ask() -> Node:
    return card(
        "Ask",
        html.P(id=ids.QUESTION, className="target"),
        html.Div(
            [
                labelled(
                    "entity",
                    Field(id=ids.SUBJECT, type="number", min=0, step=1, value=0, label="subject entity"),
                    className="of-numbers",
                ),
                *pickers(),
                labelled(
                    "ring",
                    Choice(id=ids.ORDER, options=[], label="ring"),
                    hint="The world has several independent rings of the same entities. The bar under each choice has the colour of the place it leads to.",
                    className="of-rings",
                ),
                labelled("steps", Choice(id=ids.HOPS, options=[], label="steps along the ring"), className="of-rings"),
                labelled(
                    "direction",
                    Choice(id=ids.DIRECTION, options=DIRECTIONS, value="C", label="direction"),
                    className="of-rings",
                ),
            ],
            className="question",
        ),
        html.Dl(
            [
                html.Div([html.Dt("truth"), html.Dd(id=ids.TRUTH, children="–")]),
                html.Div([html.Dt("model says"), html.Dd(id=ids.ANSWER, children="–")]),
            ],
            className="verdict",
        ),
        Plain(id=ids.TOP, className="top"),
        problem(ids.PROBLEM_ASK),
        className="ask",
    )


def change() -> Node:
    near = [{"value": d, "label": str(d), "title": f"{plural(d, 'step')} past the truth"} for d in (1, 2, 3, 4)]
    return card(
        "Change",
        html.P(id=ids.TARGET, className="target"),
        html.Div(
            [
                new_object(),
                labelled(
                    "distance",
                    Choice(id=ids.NEAR, options=near, label="distance of the new object, small values"),
                    Field(
                        id=ids.DISTANCE,
                        type="number",
                        step=1,
                        value=4,
                        label="distance: steps from the true to the new object",
                    ),
                    hint=DISTANCE_HINT,
                ),
                Range(
                    id=ids.DISTANCE_SLIDER,
                    min=1,
                    max=1024,
                    log=True,
                    value=4,
                    label="distance, on a logarithmic slider",
                ),
            ],
            className="distance",
        ),
        html.Div(
            [
                labelled("method", Select(id=ids.METHOD, options=[], label="editing method"), className="wide"),
                html.Details(
                    [html.Summary(id=ids.METHOD_TITLE), html.Div(id=ids.METHOD_NOTE, className="method-note")],
                    className="wide about",
                ),
                labelled("preset", Select(id=ids.PRESET, options=[], label="preset of parameters")),
                labelled(
                    "layer",
                    Select(id=ids.LAYER, options=[], label="layer whose weights are edited"),
                    hint="The layer whose MLP weights the edit changes. Methods that spread their change can write to several.",
                ),
            ],
            className="tool",
        ),
        html.Div(
            [
                Switch(id=ids.IMPLIED, value=False, disabled=True, label="with all that it implies"),
                html.Span(id=ids.IMPLIED_NOTE, className="quiet"),
            ],
            className="consistent of-trained",
        ),
        html.Button("Apply edit", id=ids.APPLY, className="apply", title="Apply (Ctrl+Enter)"),
        problem(ids.PROBLEM_EDIT),
        Plain(id=ids.EXPECTED, className="expected"),
        html.Div(
            [
                Switch(id=ids.EXPECTED_SHOWN, value=False, label="show whom it will move"),
                html.Span("colours in Before: dark little, light much", className="quiet"),
                dcc.Store(id=ids.FORESEEN),
            ],
            className="consistent foreseen of-trained",
        ),
        html.Details([html.Summary("Parameters"), html.Div(id=ids.PARAMETERS, className="parameters")]),
        html.Details(
            [html.Summary("Or correct one of its mistakes"), html.Div(id=ids.ERRORS, className="errors")],
            id=ids.ERRORS_FOLD,
        ),
        className="change",
    )


def rail() -> Node:
    return html.Aside(
        [ask(), change()],
        id=ids.RAIL,
        className="rail",
        **{"aria-label": "Ask and change", "data-world": "rings", "data-model": "trained"},
    )
