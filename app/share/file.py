"""One self-contained HTML file of a view: both scenes, the numbers, and where they come from. It opens without a network.

Everything is inside: the page's own style sheet and type, plotly, the points as base64. Its content security policy forbids every
request, so that a file that needs one would show it at once.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dash import html

from app import options, theme, views, words
from app.callbacks.scenes import marks_of, scenes_of
from app.client import Client
from app.figures import Scene, scene_figure
from app.figures.damage import damage_figure
from app.layout.parts import Node
from app.layout.stage import turnable
from app.pages import ASSETS
from app.share import cite
from app.share.markup import to_html
from app.share.view import Shown, show
from app.state import Relation

HERE = Path(__file__).resolve().parent
FONT = "fonts/inter-latin-wght-normal.woff2"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
PANELS = ("edit", "retain", "test")


async def html_file(client: Client, query: str) -> str:
    """The file of the view that `query` means.

    Raises:
        ApiError: where the view cannot be shown here; the message says what is missing.
    """
    return await asyncio.to_thread(compose, await show(client, query), datetime.now(UTC))


def compose(shown: Shown, now: datetime) -> str:
    title = _title(shown)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en" data-theme="auto">',
            f'<head><meta charset="utf-8"><title>{to_html(title)} · Shatterscope</title>',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
            f"<style>{_style()}</style></head>",
            f"<body>{to_html(_body(shown, title, now))}",
            f'<script type="application/json" id="figures">{_inside_script(_figures(shown))}</script>',
            f"<script>{(ASSETS / 'vendor' / 'plotly-gl3d.min.js').read_text(encoding='utf-8')}</script>",
            *(f"<script>{(ASSETS / name).read_text(encoding='utf-8')}</script>" for name in ("tip.js", "turn.js")),
            f"<script>{(HERE / 'file.js').read_text(encoding='utf-8')}</script>",
            "</body></html>\n",
        ]
    )


def _style() -> str:
    """The style sheets of the page, the type within them."""
    font = base64.b64encode((ASSETS / FONT).read_bytes()).decode()
    sheets = [(ASSETS / name).read_text(encoding="utf-8") for name in ("style.css", "explore.css")]
    sheets.append((HERE / "file.css").read_text(encoding="utf-8"))
    return "\n".join(sheets).replace(FONT, f"data:font/woff2;base64,{font}")


def _inside_script(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _figures(shown: Shown) -> dict[str, Any]:
    view = shown.view
    before, after = _pair(shown)
    found: dict[str, Any] = {
        "scene-before": scene_figure(before, view.camera),
        "scene-after": scene_figure(after, view.camera),
    }
    if shown.evaluation is not None and Relation.parse(view.edits[-1].relation).order == view.relation.order:
        place = shown.ring[view.edits[-1].subject]
        found["damage"] = damage_figure(shown.evaluation.damage, place, len(shown.ring))
    return found


def _pair(shown: Shown) -> tuple[Scene, Scene]:
    """The scenes before and after, as the page draws them."""
    view, relation = shown.view, Relation.parse(shown.projection.relation)
    return scenes_of(shown.projection, relation, marks_of(view.subject, view.relation, view.target, shown.ring))


def _title(shown: Shown) -> str:
    if shown.edit is None:
        return f"{shown.checkpoint.title}: the unedited model"
    last = shown.edit.edits[-1]
    taught = f"{last.spec.subject} {last.spec.relation} → {last.new_object} instead of {last.old_object}"
    more = len(shown.edit.edits) - 1
    return taught + (f", after {words.plural(more, 'other edit')}" if more else "")


def _body(shown: Shown, title: str, now: datetime) -> Node:
    checkpoint, result = shown.checkpoint, shown.evaluation
    r = views.r_values(result)
    panels = [
        html.Div(
            views.r_card(name, r[name], checkpoint, result),
            className="r",
            id=f"r-{name}",
            **{"data-value": repr(r[name])},
        )
        for name in PANELS
    ]
    return html.Main(
        [
            html.Header(
                [
                    html.P(
                        [
                            html.Span(className="brand-ring", style={"background": theme.ring_gradient()}),
                            "Shatterscope",
                        ],
                        className="brand",
                    ),
                    html.H1(title),
                    html.P(
                        f"One fact inside a small transformer was changed; this is the geometry before and after. {checkpoint.title}: {checkpoint.note}"
                        if shown.edit
                        else f"{checkpoint.title}: {checkpoint.note}",
                        className="lead",
                    ),
                ]
            ),
            _scenes(shown),
            html.Section(
                [
                    html.Div(
                        [
                            html.H2("Shattering R"),
                            html.Div(panels, className="rs"),
                            html.P(words.r_in_words(r["edit"]), className="r-words"),
                        ],
                        className="r-panel",
                    ),
                    html.Div(
                        [
                            html.H2(["Accuracy ", html.Span(views.measured_over(result), className="note")]),
                            html.Div(views.accuracy(checkpoint, result), className="accuracy", id="accuracy"),
                        ],
                        className="accuracy-panel",
                    ),
                ],
                className="measures",
                **{"aria-label": "What the edit did"},
            ),
            *_details(shown),
            _card("Where this comes from", _provenance(shown, now)),
            _card(
                "Cite",
                html.Pre(cite.BIBTEX, tabIndex="0"),
                html.P("The same picture again, from the terminal:", className="lead"),
                html.Pre(cite.commands(shown.view, checkpoint, shown.query), tabIndex="0"),
            ),
        ],
        className="file",
    )


def _scenes(shown: Shown) -> Node:
    diagnostics, projection = shown.projection.diagnostics, shown.projection
    place = f"{projection.relation} · {options.site_name(projection.site)}"
    before, after = _pair(shown)
    model = words.model(len(shown.view.edits)) + words.magnified(before.frame.half / after.frame.half)

    def scene(ident: str, name: str, of: str, told: str) -> Node:
        caption = html.P([f"{name} ", html.Span(f"{of} · {place}", className="quiet")], className="scene-caption")
        graph = html.Div(id=ident, className="graph")
        words_ = html.P(told, className="scene-words")
        return html.Figure([caption, graph, words_], className=f"scene {name.lower()}", **turnable(name))

    return html.Div(
        [
            scene(
                "scene-before", "Before", "the unedited model", words.picture(diagnostics["before"], projection.method)
            ),
            scene("scene-after", "After", model, words.picture(diagnostics["after"], projection.method)),
        ],
        className="scenes",
        **{"data-mode": "two", "data-edits": str(len(shown.view.edits))},
    )


def _details(shown: Shown) -> list[Node]:
    if shown.edit is None or shown.evaluation is None:
        return []
    return [
        _card(
            "Ripples",
            html.P("Facts that follow from the new fact, and facts that it contradicts.", className="lead"),
            views.ripples(shown.evaluation),
        ),
        _card("Damage along the ring", html.Div(id="damage", className="damage-graph")),
        _card("Edit quality", views.quality(shown.evaluation)),
        _card("What each edit did", views.outcomes(shown.edit)),
    ]


def _card(title: str, *content: Node) -> Node:
    return html.Section([html.H2(title), *content], className="card", **{"aria-label": title})


def _provenance(shown: Shown, now: datetime) -> Node:
    projection, asked = shown.projection, shown.view.see
    k = projection.diagnostics["before"].n_neighbors
    rows = {
        "checkpoint": f"{shown.checkpoint.id}, weights sha256 {shown.checkpoint.sha256}",
        "edit": shown.edit.id if shown.edit else "none: the unedited model",
        "picture": f"{projection.method} in {projection.dimensions} dimensions of {projection.relation} at {projection.site}, "
        + (f"n_neighbors {k}{' (automatic)' if asked.n_neighbors is None else ''}, " if k is not None else "")
        + f"axes {projection.align}",
        "made": now.isoformat(timespec="seconds"),
        "link": shown.query,
    }
    return html.Div(
        [
            html.Dl([part for name, text in rows.items() for part in (html.Dt(name), html.Dd(text))]),
            html.Pre(cite.specification(shown.view, shown.checkpoint, shown.edit), tabIndex="0", id="specification"),
        ]
    )
