"""A panel as a card that is folded at first."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit.components import Plain
from shatterscope.app.kit.parts import Node, problem
from shatterscope.app.pages.explore.panels import Panel


def panel_card(panel: Panel) -> Node:
    body = {"id": panel.body, "className": "panel-body"}
    return html.Section(
        [
            dcc.Store(id=panel.asked),
            html.H2(panel.title),
            html.P(panel.lead, className="lead"),
            html.Details(
                [
                    html.Summary(panel.unfold),
                    problem(panel.problem),
                    html.Div(html.Div(**body) if panel.pressed else Plain(**body), **{"data-waiting": panel.waiting}),
                ],
                id=panel.fold,
                open=False,
                **{"data-told": "", "data-panel": panel.name, "data-without-edits": "1" if panel.without_edits else ""},
            ),
        ],
        id=panel.name,
        className=f"card panel {panel.seen}",
    )


def panel_link(panel: Panel) -> Node:
    return html.A(panel.link, href=f"#{panel.name}", className=f"to-panel {panel.seen}")
