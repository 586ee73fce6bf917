"""R by site, as a table; of a model of many layers first along its residual stream, and the table folded."""

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
    over = html.P(words.sites_over(found, world.noun), className="lead")
    if checkpoint.model.n_layers <= options.FEW_LAYERS:
        return html.Div([table(head, rows), over], className="sites")
    folded = html.Details([html.Summary(f"All {len(rows)} sites, as a table"), table(head, rows)])
    return html.Div([_along(found, heads, shown), over, folded], className="sites")


def _along(found: SitesResult, heads: dict[str, str], shown: str) -> Node:
    """A bar for each layer's `resid_post`, a row of them for each group, all on one scale."""
    rows = [row for row in found.sites if row.site.startswith("resid_post.")]
    values = {part: [getattr(row, part) or 0.0 for row in rows] for part in heads}
    most = max((max(each) for each in values.values()), default=0.0)
    names = [row.site.partition(".")[2] for row in rows]
    strips = [
        html.Div(
            [
                html.Span([html.B(titles), f" {part}"], className="strip-name"),
                html.Div(
                    [
                        html.I(
                            className="shown" if row.site == shown else "",
                            style={"height": f"{100 * value / most if most else 0:.1f}%"},
                            title=f"layer {name}: R {words.shattering(value)}",
                        )
                        for row, name, value in zip(rows, names, values[part], strict=True)
                    ],
                    className="strip-bars",
                ),
                html.Span(words.largest_at(values[part], names), className="strip-most"),
            ],
            className="strip",
            role="img",
            **{"aria-label": f"{titles}, {part}: {words.largest_at(values[part], names)}", "data-part": part},
        )
        for part, titles in heads.items()
    ]
    ticks = [html.Span(name if i % 5 == 0 or i == len(names) - 1 else "") for i, name in enumerate(names)]
    axis = html.Div(
        [html.Span("layer", className="strip-name"), html.Div(ticks, className="strip-ticks")], className="strip axis"
    )
    return html.Div(
        [html.P("R in the residual stream behind each layer", className="lead"), *strips, axis], className="strips"
    )


def _groups(orders: list[str], edited: str) -> dict[str, list[str]]:
    """The groups that play each part, as the API has it: the edited one, the next in cyclic order, all others."""
    at = orders.index(edited)
    found: dict[str, list[str]] = {}
    for step in range(len(orders)):
        found.setdefault(SUB_GRAPHS[min(step, 2)], []).append(orders[(at + step) % len(orders)])
    return found
