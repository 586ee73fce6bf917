"""What a live room shows: in the header how it stands, in Share how to open one and how others come in."""

from __future__ import annotations

from typing import Any

from dash import html

from shatterscope.app.kit import ids

Node = Any


def room_status() -> Node:
    """Seen while in a room: who follows, and the way back to the presenter or out."""
    return html.Div(
        [
            html.Span(className="room-dot"),
            html.Span("", id="room-words", role="status", **{"aria-live": "polite"}),
            html.Span("", id=ids.ROOM_FOLLOWERS, className="quiet"),
            html.Button(
                "", id="room-answers", hidden=True, title="Show everyone how the audience answered this question"
            ),
            html.Button(
                "Return to the presenter", id=ids.ROOM_FOLLOW, hidden=True, title="See what the presenter shows now"
            ),
            html.Button(
                "Resume your live room",
                id="room-take",
                hidden=True,
                title="Present it from here, from what it shows now",
            ),
            html.Button("Leave", id=ids.ROOM_LEAVE, className="quiet", hidden=True),
        ],
        id="room",
        className="room",
        role="group",
        hidden=True,
        **{"aria-label": "Live room"},
    )


def room_share() -> Node:
    """A part of the Share popover."""
    return html.Section(
        [
            html.H2("Live room"),
            html.Div(
                [
                    html.P("", id="room-own-words", className="quiet"),
                    html.Button("Resume your live room", id="room-resume"),
                ],
                id="room-own",
                hidden=True,
            ),
            html.Div(
                [
                    html.P("Whoever has the link sees what you see, on any device.", className="quiet"),
                    html.Button("Open a live room", id=ids.ROOM_CREATE),
                ],
                id="room-start",
            ),
            html.Div(
                [
                    html.Button(
                        html.Img(id="room-qr", src="", alt="QR code of the audience's link"),
                        id="room-enlarge",
                        title="Fill the screen with it",
                    ),
                    html.A("", id=ids.ROOM_LINK, href="", target="_blank", rel="noopener"),
                    html.P("", id="room-reach", className="quiet"),
                    html.Div(
                        [
                            html.Button("Copy audience link", id="room-copy"),
                            html.Button(
                                "Hand over",
                                id="room-handover",
                                title="A link that makes whoever opens it the presenter, once",
                            ),
                        ],
                        className="room-tools",
                    ),
                    html.P("", id="room-offer", className="room-offer", hidden=True),
                ],
                id="room-invite",
                hidden=True,
            ),
            html.P("", id="room-problem", className="problem", role="alert"),
        ],
        className="share-part room-share",
        **{"aria-label": "Live room"},
    )
