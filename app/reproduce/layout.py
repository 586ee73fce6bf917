"""The Reproduce page's markup and callbacks."""

from __future__ import annotations

from dash import Dash, html

from app.client import Client
from app.layout.frame import frame
from app.layout.parts import Node


def layout() -> Node:
    return frame(
        "/reproduce",
        html.Main([html.H1("Reproduce")], className="reproduce", id="main"),
        skip=("Skip to the experiments", "#main"),
    )


def register(app: Dash, client: Client) -> None:
    """Gives the page its callbacks; the checkpoint and what the page remembers go through `url-in` and `url-out`."""
