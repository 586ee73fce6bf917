"""What a link leads to here, told: what is missing, and the nearest as a link."""

from __future__ import annotations

from collections.abc import Callable

from dash import html

from app.layout.parts import Node
from app.links import Opened
from app.state import ViewState


def told(opened: Opened, path: str, to_query: Callable[[ViewState], str] = ViewState.to_query) -> list[Node]:
    """`to_query` writes the address of the page at `path`."""
    said = [*opened.missing, opened.instead] if opened.instead else list(opened.missing)
    offer = opened.offer
    if offer is None:
        return said
    return [*said, html.A(offer.label, href=f"{path}?{to_query(offer.view)}", className="offer")]
