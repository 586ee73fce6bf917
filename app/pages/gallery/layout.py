"""The gallery: views that people of this server have saved with a title."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output, html
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import batches, ids, theme, words
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.frame import frame
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.share.layout import PAGE_NAMES
from shatterscope.app.kit.state import ViewState
from shatterscope.wire.share import View

CARDS = "gallery-cards"


def layout() -> Node:
    return frame(
        "/gallery",
        html.Main(
            [
                html.H1("Gallery"),
                html.P(
                    "Views that were saved on this server, the newest first. Save one from Share on any page; only the browser that saved a view can delete it.",
                    className="lead",
                ),
                html.Div(id=CARDS, className="gallery-cards", **{"aria-live": "polite"}),
            ],
            className="gallery",
            id="gallery",
        ),
        skip=("Skip to the views", "#gallery"),
    )


def register(app: Dash, client: Client) -> None:
    @app.callback(
        Output(CARDS, "children"),
        Output(ids.NOTICE, "children"),
        Output(ids.PROBLEM_PAGE, "children"),
        Input(ids.URL_IN, "data"),
        prevent_initial_call=True,
    )
    async def show(url: dict[str, Any] | None) -> Any:
        if url is None:
            raise PreventUpdate
        missing = parse_qs(str(url.get("query") or "").lstrip("?")).get("missing", [""])[0][:40]
        notice = f"There is no view {missing!r} on this server. It may have been deleted, or the link is not complete."
        try:
            found = await client.gallery()
        except ApiError as error:
            return [], "", error.message
        return cards(found), notice if missing else "", ""


def cards(found: list[View]) -> Node:
    if not found:
        return html.P("Nothing has been saved yet.", className="quiet")
    return html.Ul([_card(view) for view in found])


def _card(view: View) -> Node:
    short = f"/v/{view.id}"
    day = datetime.fromisoformat(view.created)
    facts = [
        PAGE_NAMES[view.state.path],
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
