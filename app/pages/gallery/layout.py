"""The Gallery page's markup: a card for each saved view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dash import html

from shatterscope.app.kit import batches, theme, words
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.state import ViewState
from shatterscope.wire.share import View

CARDS = "gallery-cards"


def layout(names: Sequence[str]) -> list[Node]:
    """`names`: of the pages whose views can be saved, two or more."""
    pages = f"{', '.join(names[:-1])} or {names[-1]}"
    return [
        html.Main(
            [
                html.H1("Gallery"),
                html.P(
                    f"Views that were saved on this server, the newest first. Save one from Share on {pages}; only the browser that saved a view can delete it.",
                    className="lead",
                ),
                html.Div(id=CARDS, className="gallery-cards", **{"aria-live": "polite"}),
            ],
            className="gallery",
            id="gallery",
        )
    ]


def cards(found: list[View], names: Mapping[str, str]) -> Node:
    """`names`: of the pages that views may be of, by their paths."""
    if not found:
        return html.P("Nothing has been saved yet.", className="quiet")
    return html.Ul([_card(view, names[view.state.path]) for view in found])


def _card(view: View, page: str) -> Node:
    short = f"/v/{view.id}"
    day = datetime.fromisoformat(view.created)
    facts = [
        page,
        view.checkpoint or "",
        html.Time(f"{day:%-d %B %Y}", dateTime=view.created),
    ]
    return html.Li(
        [
            html.H2(html.A(view.title, href=short)),
            html.P(view.note, className="gallery-note") if view.note else None,
            html.P(what(view), className="gallery-edits"),
            html.P([part for fact in facts if fact for part in (html.Span(fact), " ")], className="gallery-facts"),
            html.Div(
                [
                    html.A("Open", href=short, className="button", **{"aria-label": f"Open {view.title}"}),
                    html.Button(
                        "Copy link",
                        type="button",
                        **{"data-copy": short, "aria-label": f"Copy link to {view.title}"},
                    ),
                    html.Button(
                        "Delete",
                        type="button",
                        hidden=True,
                        **{"data-delete": view.id, "aria-label": f"Delete {view.title}"},
                    ),
                ],
                className="share-row",
            ),
        ],
        className="card",
        **{"data-view": view.id},
    )


def what(view: View) -> Node:
    """The edits in a line."""
    edits = batches.made(ViewState.from_query(view.state.query)[0].edits)
    if not edits:
        return "The unedited model." if view.state.path == "/" else ""
    last = edits[-1]
    more = f", after {words.plural(len(edits) - 1, 'other edit')}" if len(edits) > 1 else ""
    return [
        html.B(f"{last.subject} {last.relation}"),
        f" {words.target(last)} by {theme.method_name(last.method)}{more}",
    ]
