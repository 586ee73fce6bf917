"""The Explore page, put together."""

from __future__ import annotations

from dash import dcc, html

from app import ids, theme
from app.components import Select
from app.layout.measure import details, measures
from app.layout.parts import Node, problem
from app.layout.rail import rail
from app.layout.stage import stage

STORES = (
    ids.URL_IN,
    ids.URL_OUT,
    ids.MODEL,
    ids.ASK,
    ids.AIM,
    ids.TOOL,
    ids.SEE,
    ids.CAMERA,
    ids.PICKED,
    ids.DRAWN,
)


def header() -> Node:
    return html.Header(
        [
            html.A(
                [html.Span(className="brand-ring", style={"background": theme.ring_gradient()}), "Shatterscope"],
                href="/",
                className="brand",
            ),
            html.Div(
                [
                    Select(id=ids.CHECKPOINT, options=[], label="checkpoint: which trained model"),
                    html.Span("", id=ids.CHECKPOINT_NOTE, className="checkpoint-note"),
                ],
                className="checkpoint",
            ),
            html.Div(
                [
                    html.Span(className="dot"),
                    html.Span("starting", id="status-text"),
                    html.Span(id="status-time", **{"aria-hidden": "true"}),
                ],
                id=ids.STATUS,
                className="status",
                role="status",
                **{"aria-live": "polite", "data-state": "busy"},
            ),
            html.Button(
                "Cancel",
                id=ids.CANCEL,
                hidden=True,
                title="Stop computing and go back to the last complete view (Esc)",
            ),
            html.Button("Copy link", id="copy-link", className="quiet", title="The link holds this whole view"),
            html.Button("Theme", id="theme-toggle", className="quiet", title="Light, dark, or as the system"),
        ],
        className="bar",
    )


def page() -> Node:
    return html.Div(
        [
            *(dcc.Store(id=name) for name in STORES),
            dcc.Store(id=ids.HISTORY, storage_type="session"),
            html.A("Skip to the numbers", href="#accuracy", className="skip"),
            header(),
            html.Div(id=ids.NOTICE, className="notice", role="status"),
            problem(ids.PROBLEM_PAGE),
            html.Main(
                [rail(), html.Div([stage(), measures()], className="column")],
                className="explore",
            ),
            details(),
        ],
        className="page",
    )
