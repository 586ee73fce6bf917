"""R by site: at what the scenes show, and at all sites."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import options, words
from shatterscope.app.kit.parts import Node, table
from shatterscope.app.kit.state import Relation
from shatterscope.app.pages.explore.views.numbers import SUB_GRAPHS
from shatterscope.wire.measures import SitesResult
from shatterscope.wire.world import CheckpointInfo


def read_at(checkpoint: CheckpointInfo) -> str:
    """Said beside every R: where it was read."""
    return f"at {options.site_name(checkpoint.model.default_site)}"


def r_shown(found: SitesResult | None) -> list[Node]:
    """R at the one site that the scenes show, below that of the panel; nothing where both are one."""
    if found is None:
        return []
    row = found.sites[0]
    values = [
        html.Span(
            [html.Span(name, className="r-name"), html.B(words.r_or_dash(value))],
            id=f"r-site-{name}",
            **{"data-value": "" if value is None else repr(value)},
        )
        for name in SUB_GRAPHS
        for value in [getattr(row, name)]
    ]
    return [html.P(f"at what is shown ({options.site_name(row.site)}):"), html.Div(values, className="r-site-values")]


def r_table(
    found: SitesResult, checkpoint: CheckpointInfo, edited: str, shown: str, where: str = "in the scenes"
) -> Node:
    """Sites in the order of the computation by rings. `edited`: the relation of the last edit; `shown`: the site of the pictures, which are `where`."""
    rings = _rings(checkpoint.graph.orders, Relation.parse(edited).order)
    read = checkpoint.model.default_site
    head = ("site", *(f"{part} · ring {', '.join(orders)}" for part, orders in rings.items()))
    rows = []
    for row in found.sites:
        marks = [text for site, text in ((read, "the R above"), (shown, where)) if site == row.site]
        cells = [
            html.Td(words.r_or_dash(value), **{"data-value": "" if value is None else repr(value)})
            for part in rings
            for value in [getattr(row, part)]
        ]
        name = html.Th(
            [options.site_name(row.site), html.Span(", ".join(marks), className="quiet") if marks else None],
            scope="row",
        )
        rows.append(html.Tr([name, *cells], className="shown" if row.site == shown else "", **{"data-site": row.site}))
    return html.Div([table(head, rows), html.P(words.sites_over(found), className="lead")], className="sites")


def _rings(orders: list[str], edited: str) -> dict[str, list[str]]:
    """The orders that play each part, as the API has it: the edited one, the next in cyclic order, all others."""
    at = orders.index(edited)
    found: dict[str, list[str]] = {}
    for step in range(len(orders)):
        found.setdefault(SUB_GRAPHS[min(step, 2)], []).append(orders[(at + step) % len(orders)])
    return found
