"""The Compare page's markup."""

from __future__ import annotations

from dash import html

from app.layout.frame import frame
from app.layout.parts import Node


def layout() -> Node:
    return frame(
        "/compare",
        html.Main([html.H1("Compare")], className="compare", id="main"),
        skip=("Skip to the comparison", "#main"),
    )
