"""R at the site that the scenes show. At all sites it is a table, which other pages have too: `shatterscope.app.kit.sites`."""

from __future__ import annotations

from dash import html

from shatterscope.app.kit import options, words
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.sites import SUB_GRAPHS
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
