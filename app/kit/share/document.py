"""The skeleton of one self-contained HTML file: a body of plain markup and plotly figures. It opens without a network.

Everything is inside: the pages' own style sheets and type, plotly, the points as base64. Its content security policy forbids every
request, so that a file that needs one would show it at once. `frontend_assets/pages/file.js` draws the figures; 3D scenes turn together.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dash import html

from shatterscope.app.kit import linker, theme
from shatterscope.app.kit.assets import ASSETS
from shatterscope.app.kit.exporter import Cited
from shatterscope.app.kit.parts import Node, card, turnable
from shatterscope.app.kit.share import cite
from shatterscope.app.kit.share.markup import to_html

HERE = Path(__file__).resolve().parent
SCRIPT = "pages/file.js"
FONT = "fonts/inter-latin-wght-normal.woff2"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)


def document(title: str, body: Node, figures: Mapping[str, Any], sheets: Sequence[str]) -> str:
    """The file. `figures` go into the elements of their ids; `sheets` are style sheets of `frontend_assets` besides `style.css`."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en" data-theme="auto">',
            f'<head><meta charset="utf-8"><title>{to_html(title)} · Shatterscope</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
            f"<style>{_style(sheets)}</style></head>",
            f"<body>{to_html(body)}",
            f'<script type="application/json" id="figures">{_inside_script(figures)}</script>',
            f"<script>{(ASSETS / 'vendor' / 'plotly-gl3d.min.js').read_text(encoding='utf-8')}</script>",
            f"<script>{linker.script(ASSETS / SCRIPT)}</script>",
            "</body></html>\n",
        ]
    )


def _style(sheets: Sequence[str]) -> str:
    """The style sheets, the type within them."""
    font = base64.b64encode((ASSETS / FONT).read_bytes()).decode()
    files = [ASSETS / "style.css", *(ASSETS / name for name in sheets), HERE / "document.css", ASSETS / "print.css"]
    found = [path.read_text(encoding="utf-8") for path in files]
    return "\n".join(found).replace(FONT, f"data:font/woff2;base64,{font}")


def _inside_script(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


# --- what every file has ---------------------------------------------------------------------------------------------


def header(title: str, lead: Node) -> Node:
    brand = [html.Span(className="brand-ring", style={"background": theme.ring_gradient()}), "Shatterscope"]
    return html.Header([html.P(brand, className="brand"), html.H1(title), html.P(lead, className="lead")])


def scene(ident: str, name: str, of: Node, told: Node, className: str = "", after: Node = None) -> Node:
    """A 3D scene, to be drawn from the figure `ident`."""
    caption = html.P(
        [f"{name} ", html.Span(of, className="quiet") if isinstance(of, str) else of], className="scene-caption"
    )
    graph = html.Div(id=ident, className="graph")
    words = html.P(told, className="scene-words")
    return html.Figure([caption, graph, words, after], className=f"scene {className}".strip(), **turnable(name))


def comes_from(rows: Mapping[str, Node], made: datetime, link: str, specification: str) -> Node:
    """The card of provenance. `link` is the address of the view."""
    shown = html.A(link, href=link) if link.startswith("http") else link
    every = {**rows, "made": made.isoformat(timespec="seconds"), "link": shown}
    terms = [part for name, text in every.items() for part in (html.Dt(name), html.Dd(text))]
    return card("Where this comes from", html.Dl(terms), html.Pre(specification, tabIndex="0", id="specification"))


def to_cite(cited: Cited, again: str = "The same picture again, from the terminal:") -> Node:
    return card(
        "Cite",
        html.Pre(cite.BIBTEX, tabIndex="0"),
        html.P(again, className="lead"),
        html.Pre(cited.command, tabIndex="0", id="command"),
    )
