"""What a link leads to here, told: what is missing, and the nearest as a link."""

from __future__ import annotations

from collections.abc import Callable

from dash import html

from shatterscope.app.kit.links import Opened
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.state import ViewState


def told(
    opened: Opened, path: str, to_query: Callable[[ViewState], str] = ViewState.to_query, otherwise: str = ""
) -> list[Node]:
    """`to_query` writes the address of the page at `path`; `otherwise` is what the way to the nearest is called where no edits are
    to be made there (empty: what is shown is the nearest already)."""
    said: list[Node] = [*opened.missing, opened.instead] if opened.instead else list(opened.missing)
    label = opened.offer.label if opened.offer else otherwise
    if opened.nearest is None or not label:
        return said
    return [*said, html.A(label, href=f"{path}?{to_query(opened.nearest)}", className="offer")]
