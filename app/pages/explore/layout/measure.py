"""The numbers: R and accuracy beside the scenes, the details below."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.components import Plain, Select
from shatterscope.app.kit.figure_card import BLANK, figure_card
from shatterscope.app.kit.parts import Node, labelled, problem
from shatterscope.app.kit.state import TOUR, Place, ViewState
from shatterscope.app.pages.explore.layout.panels import panel_card, panel_link
from shatterscope.app.pages.explore.layout.stage import GRAPH_CONFIG
from shatterscope.app.pages.explore.panels import PANELS


def measures() -> Node:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(["Shattering R ", html.Span(id=ids.R_AT, className="note")], title="R(D*)"),
                    html.Div(
                        [
                            Plain(id=ids.R_EDIT, className="r"),
                            Plain(id=ids.R_RETAIN, className="r"),
                            Plain(id=ids.R_TEST, className="r"),
                        ],
                        className="rs",
                    ),
                    Plain(id=ids.R_BESIDE, className="r-site r-beside"),
                    Plain(id=ids.R_SITE, className="r-site"),
                    problem(ids.PROBLEM_SITE),
                    html.P(id=ids.R_WORDS, className="r-words"),
                ],
                className="r-panel",
            ),
            html.Div(
                [
                    html.H2(["Accuracy ", html.Span(id=ids.MEASURE_NOTE, className="note")]),
                    Plain(id=ids.ACCURACY, className="accuracy"),
                ],
                className="accuracy-panel",
            ),
            problem(ids.PROBLEM_MEASURE),
        ],
        className="measures",
        **{"aria-label": "What the edit did"},
    )


def details() -> Node:
    return html.Section(
        [
            html.Nav(
                [
                    html.A("Answers by wording", href=f"#{ids.ANSWERS_GRID}", className="of-language"),
                    html.A(["Damage along the ", *ring_or("lines")], href="#damage"),
                    html.A("Ripples", href="#ripples", className="of-trained"),
                    html.A(["Shape ", html.Span(id=ids.VERDICTS_LINE)], href="#verdicts"),
                    html.A(["Edit quality", html.Span(id=ids.QUALITY_LINE, className="quality-line")], href="#quality"),
                    html.A("What each edit did", href="#outcomes"),
                    *map(panel_link, PANELS.values()),
                    html.A(
                        "Take the guided tour",
                        href=f"/?{ViewState(lecture=Place(TOUR)).to_query()}",
                        id=ids.LECTURE_START,
                        className="away",
                    ),
                ],
                className="peek",
                **{"aria-label": "Details"},
            ),
            html.Div(
                [
                    html.Section(
                        [html.H2("Answers by wording"), Plain(id=ids.ANSWERS_TABLE)],
                        id=ids.ANSWERS_GRID,
                        className="card of-language",
                    ),
                    html.Section(
                        [
                            html.H2(["Damage along the ", *ring_or("lines")]),
                            html.P(
                                [
                                    "How far the damage reaches from the edited subject",
                                    html.Span(", both ways round. One ring step", className="of-rings"),
                                    html.Span(
                                        ", counted in steps along the lines of the pictures. One step",
                                        className="of-others",
                                    ),
                                    " is the distance between the representations of two neighbours.",
                                ],
                                className="lead",
                            ),
                            html.Div(
                                dcc.Graph(id=ids.DAMAGE_FIGURE, figure=BLANK, config=GRAPH_CONFIG, responsive=True),
                                className="damage-graph",
                            ),
                        ],
                        id=ids.DAMAGE,
                        className="card",
                    ),
                    html.Section(
                        [
                            html.H2("Ripples"),
                            html.P(
                                "Facts that follow from the new fact, and facts that it contradicts.", className="lead"
                            ),
                            Plain(id="ripples-table"),
                        ],
                        id=ids.RIPPLES,
                        className="card of-trained",
                    ),
                    html.Div([_shape(), _quality()], className="stacked"),
                    html.Section(
                        [html.H2("What each edit did"), Plain(id="outcomes-table"), _course()],
                        id=ids.OUTCOMES,
                        className="card",
                    ),
                    *map(panel_card, PANELS.values()),
                ],
                className="detail-grid",
            ),
        ],
        id=ids.DETAILS,
        className="details",
        **{"aria-label": "More about the edit", "data-world": "rings", "data-model": "trained"},
    )


def _shape() -> Node:
    return html.Section(
        [html.H2("Shape"), problem(ids.PROBLEM_VERDICTS), Plain(id=ids.VERDICTS_TABLE)],
        id=ids.VERDICTS,
        className="card",
    )


def _quality() -> Node:
    return html.Section(
        [
            html.H2("Edit quality"),
            html.P(
                [
                    html.Span("Five", className="of-trained"),
                    html.Span("Three", className="of-language"),
                    " questions that every editing method is asked, over all edits of the stack: before (grey) and after.",
                ],
                className="lead",
            ),
            Plain(id=ids.QUALITY_TABLE),
        ],
        id=ids.QUALITY,
        className="card",
    )


def ring_or(other: str) -> list[Node]:
    return [html.Span("ring", className="of-rings"), html.Span(other, className="of-others")]


def _course() -> Node:
    choice = labelled("of edit", Select(id=ids.COURSE_EDIT, options=[], label="edit whose optimisation is shown"))
    return html.Div(
        figure_card(
            ids.COURSE_FIGURE,
            "How the optimisation went",
            html.Span(id="course-over"),
            explained="The search for the edit's new value, or of FT for its new weights, before any change of the model: why it took or did not.",
            after=html.Div([html.P(id="course-words", role="status"), choice], className="course-told"),
        ),
        id=ids.COURSE,
        **{"data-n": "0"},
    )
