"""What every page has: the header with the way to the other pages, the checkpoint, the status, and a place for messages."""

from __future__ import annotations

from collections.abc import Sequence

from dash import dcc, html

from shatterscope.app.kit import ids, theme
from shatterscope.app.kit.components import Select
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.parts import Node, problem
from shatterscope.app.kit.rooms import room_status
from shatterscope.app.kit.share.layout import share


def frame(page: Page, pages: Sequence[Page]) -> Node:
    """`page`, one of `pages`, with all that every page has."""
    return html.Div(
        [
            *(dcc.Store(id=name) for name in (ids.URL_IN, ids.URL_OUT, *page.stores)),
            html.A(page.skip[0], href=page.skip[1], className="skip"),
            header(page, pages),
            html.Div(id=ids.NOTICE, className="notice", role="status"),
            problem(ids.PROBLEM_PAGE),
            *page.layout(),
        ],
        className="page",
    )


def header(page: Page, pages: Sequence[Page]) -> Node:
    return html.Header(
        [
            *([html.H1(page.name, className="unseen")] if page.named else []),
            html.A(
                [html.Span(className="brand-ring", style={"background": theme.ring_gradient()}), "Shatterscope"],
                href="/",
                className="brand",
            ),
            navigation(page, pages),
            html.Div(
                [
                    Select(id=ids.CHECKPOINT, options=[], label="checkpoint: which trained model"),
                    html.Span("", id=ids.CHECKPOINT_NOTE, className="checkpoint-note"),
                ]
                if page.on_checkpoint
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
            share(page),
            html.Button("Theme", id="theme-toggle", className="quiet", title="Light, dark, or as the system"),
        ],
        className="bar",
    )


def navigation(page: Page, pages: Sequence[Page]) -> Node:
    """Links to the pages, each with what its page carries; `frontend_assets/frame/nav.js` gives each the checkpoint and the edits to take along."""
    links = [
        html.A(
            other.name,
            href=other.path,
            **{"data-carries": " ".join(other.carries), **({"aria-current": "page"} if other is page else {})},
        )
        for other in pages
        if other.listed
    ]
    return html.Nav(links, className="pages", **{"aria-label": "Pages"})
