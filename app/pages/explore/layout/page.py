"""The Explore page, put together."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.parts import Node
from shatterscope.app.pages.explore.layout.measure import details, measures
from shatterscope.app.pages.explore.layout.rail import rail
from shatterscope.app.pages.explore.layout.stage import stage
from shatterscope.app.pages.explore.lecture.panel import lecture

STORES = (
    ids.MODEL,
    ids.ASK,
    ids.AIM,
    ids.TOOL,
    ids.SEE,
    ids.R_SITE_ASKED,
    ids.CAMERA,
    ids.CLICKS,
    ids.DRAWN,
    ids.LESSON,
    ids.LESSON_ASKED,
)


def layout() -> list[Node]:
    return [
        dcc.Store(id=ids.HISTORY, storage_type="session"),
        html.Main(
            [lecture(), rail(), html.Div([stage(), measures()], className="column")],
            className="explore",
        ),
        details(),
        html.P(id=ids.TOLD, className="unseen", role="status"),
    ]
