"""What every page has: the header with the way to the other pages, the checkpoint, the status, and a place for messages."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app import ids, theme
from shatterscope.app.components import Select
from shatterscope.app.layout.parts import Node, problem
from shatterscope.app.rooms import room_status
from shatterscope.app.share.layout import share

PAGES = (("/", "Explore"), ("/compare", "Compare"), ("/reproduce", "Reproduce"), ("/lecture", "Lecture"))


def frame(path: str, *content: Node, stores: tuple[str, ...] = (), skip: tuple[str, str]) -> Node:
    """The page at `path`. `stores` are further stores; `skip` is the label and the target of the link past the header."""
    return html.Div(
        [
            *(dcc.Store(id=name) for name in (ids.URL_IN, ids.URL_OUT, *stores)),
            html.A(skip[0], href=skip[1], className="skip"),
            header(path),
            html.Div(id=ids.NOTICE, className="notice", role="status"),
            problem(ids.PROBLEM_PAGE),
            *content,
        ],
        className="page",
    )


def header(path: str) -> Node:
    return html.Header(
        [
            *(html.H1(name, className="unseen") for target, name in PAGES if path == target != "/reproduce"),
            html.A(
                [html.Span(className="brand-ring", style={"background": theme.ring_gradient()}), "Shatterscope"],
                href="/",
                className="brand",
            ),
            navigation(path),
            html.Div(
                [
                    Select(id=ids.CHECKPOINT, options=[], label="checkpoint: which trained model"),
                    html.Span("", id=ids.CHECKPOINT_NOTE, className="checkpoint-note"),
                ]
                if path != "/gallery"
                else [],
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
            room_status(),
            share(path),
            html.Button("Theme", id="theme-toggle", className="quiet", title="Light, dark, or as the system"),
        ],
        className="bar",
    )


def navigation(path: str) -> Node:
    """Links to the pages; `frontend_assets/frame/nav.js` gives each the checkpoint and the edits to take along."""
    links = [
        html.A(name, href=target, **({"aria-current": "page"} if target == path else {})) for target, name in PAGES
    ]
    return html.Nav(links, className="pages", **{"aria-label": "Pages"})
