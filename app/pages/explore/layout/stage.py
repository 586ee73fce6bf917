"""The stage: the edit stack, the two scenes with what they show, and the numbers beneath."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids, theme
from shatterscope.app.kit.components import Choice, Field, Range, Select
from shatterscope.app.kit.figure_card import BLANK
from shatterscope.app.kit.parts import Node, labelled, problem, turnable

GRAPH_CONFIG = {
    "displayModeBar": False,
    "displaylogo": False,
    "responsive": False,
    "scrollZoom": True,
    "plotlyServerURL": "",
}


def stack_bar() -> Node:
    return html.Div(
        [
            html.Div(
                "model = base", id=ids.EDIT_STACK, className="edit-stack", role="list", **{"aria-label": "edit stack"}
            ),
            html.Button(id="stack-more", className="quiet", hidden=True),
            html.Div(
                [
                    labelled(
                        "last edit’s strength",
                        Range(
                            id=ids.STRENGTH,
                            min=0,
                            max=2,
                            step=0.05,
                            value=1,
                            every=60_000,  # the browser draws while it is dragged; Dash hears of it when it is let go
                            label="strength of the last edit",
                            disabled=True,
                        ),
                        html.Output("1.00", id="strength-value", className="strength-value"),
                        hint="Of the last edit alone: it scales that edit's weight change. Every step is a real model, W + strength × dW.",
                        className="strength",
                    ),
                    html.Button("Undo", id=ids.UNDO, disabled=True, title="Undo (Ctrl+Z)"),
                    html.Button("Redo", id=ids.REDO, disabled=True, title="Redo (Ctrl+Shift+Z)"),
                    html.Button("Reset", id=ids.RESET, disabled=True, title="Back to the unedited model"),
                ],
                className="stack-tools",
            ),
        ],
        className="stack-bar",
    )


def scene(graph: str, caption: str, words: str, name: str, over: Node = None) -> Node:
    """`over`: what stands over the picture."""
    return html.Figure(
        [
            html.Figcaption(id=caption, className="scene-caption"),
            over,
            dcc.Graph(id=graph, figure=BLANK, config=GRAPH_CONFIG, className="graph", responsive=True),
            html.P(id=words, className="scene-words"),
        ],
        className=f"scene {name}",
        **turnable(name.capitalize()),
    )


def scale() -> Node:
    """There where the two clouds are of different size."""
    scales = [
        {"value": "own", "label": "own scale", "title": "Each cloud fills its frame"},
        {
            "value": "same",
            "label": "same scale",
            "title": "After at the scale of Before: how much the cloud has shrunk or grown",
        },
    ]
    return html.Div(
        Choice(id=ids.SCALE, options=scales, value="own", label="scale of the two pictures"), className="scene-choice"
    )


def hint() -> Node:
    """For newcomers, until the first edit; what it says depends on the picture (`views/picture.py`)."""
    return html.P(id=ids.INVITATION, className="hint")


def legend() -> Node:
    """Ring position as a small ring; the callbacks put the marks on it."""
    return html.Div(
        [
            html.Div(className="legend-ring", style={"background": theme.ring_gradient()}),
            html.Div(id=ids.LEGEND, className="legend-marks"),
        ],
        className="legend",
        **{"data-tip": "Colour is the place on the ring. The ticks are the subject, the true object and the new one."},
    )


def see_bar() -> Node:
    pick = [
        {"value": "subject", "label": "subject", "title": "Clicking a point asks about that entity"},
        {"value": "object", "label": "new object", "title": "Clicking a point makes it the new object"},
    ]
    dimensions = [{"value": 3, "label": "3D"}, {"value": 2, "label": "2D"}]
    modes = [{"value": "two", "label": "two scenes"}, {"value": "one", "label": "one"}]
    return html.Div(
        [
            labelled(
                "relation shown",
                Select(id=ids.SEE_RELATION, options=[], label="relation whose representations are shown"),
            ),
            labelled("layer", Select(id=ids.SITE, options=[], label="layer and site of the representations")),
            labelled(
                "wording",
                Select(id=ids.WORDING, options=[], value="", label="wording of the question"),
                hint="A question can be asked in several ways. The picture is of the mean of what the model holds at the last word of each, or of one.",
                className="of-language",
            ),
            Select(id=ids.PROJECTION, options=[], label="projection method"),
            Choice(id=ids.DIMENSIONS, options=dimensions, value=3, label="dimensions of the picture"),
            labelled(
                "k",
                Field(id=ids.NEIGHBORS, type="text", value="auto", label="n_neighbors of Isomap: auto or a number"),
                hint="n_neighbors of Isomap's graph. auto: the smallest k whose unedited graph stays connected whichever one entity is taken out; the same before and after.",
            ),
            labelled(
                "axes",
                Select(id=ids.ALIGN, options=[], label="alignment of the two pictures"),
                hint="How the two pictures share axes: After rotated to match Before, both on axes fixed from Before, or each on its own.",
            ),
            Choice(id=ids.MODE, options=modes, value="two", label="scenes"),
            labelled(
                "click picks", Choice(id=ids.PICK, options=pick, value="subject", label="what a click on a point picks")
            ),
        ],
        className="see-bar",
    )


def stage() -> Node:
    return html.Section(
        [
            stack_bar(),
            html.Div(
                [
                    scene(ids.SCENE_BEFORE, ids.CAPTION_BEFORE, ids.WORDS_BEFORE, "before"),
                    scene(ids.SCENE_AFTER, ids.CAPTION_AFTER, ids.WORDS_AFTER, "after", scale()),
                    hint(),
                    legend(),
                    problem(ids.PROBLEM_SCENE),
                ],
                id=ids.SCENES,
                className="scenes",
                **{"data-mode": "two", "data-edits": "0", "data-scales": ""},
            ),
            see_bar(),
        ],
        id=ids.STAGE,
        className="stage",
        **{"aria-label": "Representations before and after the edit", "data-model": "trained"},
    )
