"""R by site, as a table."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import options, words
from shatterscope.app.kit.parts import Node, table
from shatterscope.app.kit.world import World
from shatterscope.wire.measures import SitesResult
from shatterscope.wire.world import CheckpointInfo

SUB_GRAPHS = ("edit", "retain", "test")


def r_table(
    found: SitesResult,
    checkpoint: CheckpointInfo,
    edited: str,
    shown: str,
    where: str = "in the scenes",
    *,
    world: World,
) -> Node:
    """Sites in the order of the computation by groups. `edited`: the relation of the last edit; `shown`: the site of the pictures, which are `where`."""
    groups = _groups(checkpoint.graph.orders, world.relation(edited).group)
    heads = {
        part: f"ring {', '.join(some)}" if world.rings else ", ".join(map(world.title, some))
        for part, some in groups.items()
    }
    read = checkpoint.model.default_site
    head = ("site", *(f"{part} · {titles}" for part, titles in heads.items()))
    rows = []
    for row in found.sites:
        marks = [text for site, text in ((read, "the R above"), (shown, where)) if site == row.site]
        cells = [
            html.Td(words.r_or_dash(value), **{"data-value": "" if value is None else repr(value)})
            for part in groups
            for value in [getattr(row, part)]
        ]
        name = html.Th(
            [options.site_name(row.site), html.Span(", ".join(marks), className="quiet") if marks else None],
            scope="row",
        )
        rows.append(html.Tr([name, *cells], className="shown" if row.site == shown else "", **{"data-site": row.site}))
    return html.Div(
        [table(head, rows), html.P(words.sites_over(found, world.noun), className="lead")], className="sites"
    )


def _groups(orders: list[str], edited: str) -> dict[str, list[str]]:
    """The groups that play each part, as the API has it: the edited one, the next in cyclic order, all others."""
    at = orders.index(edited)
    found: dict[str, list[str]] = {}
    for step in range(len(orders)):
        found.setdefault(SUB_GRAPHS[min(step, 2)], []).append(orders[(at + step) % len(orders)])
    return found
