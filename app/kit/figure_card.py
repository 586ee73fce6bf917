"""A figure with its title, what it was computed over, and its downloads: a picture (PNG, SVG) and the data drawn (CSV).

The downloads are made in the browser from the plotly figure itself (`frontend_assets/figure`), so they are what is seen. A
CSV has one row a point: the trace's `name` as `series`, then its columns. Columns are called as the axes' titles say, or as the
trace's `meta` does:

    {"x": …, "y": …, "customdata": …, "meta": {"columns": {"x": "distance", "y": "R", "customdata": ["entity", "place"]}}}

`text` is a column where `columns` names it, error bars are one; `"meta": {"csv": False}` leaves a decoration out.
"""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from shatterscope.app.kit.parts import Node, tip

CONFIG = {"displayModeBar": False, "displaylogo": False, "responsive": False, "plotlyServerURL": ""}
CLEAR = "rgba(0,0,0,0)"
BLANK = {
    "data": [],
    "layout": {
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
    },
}

DOWNLOADS = (
    ("png", "PNG", "The figure as a picture of pixels, twice as large"),
    ("svg", "SVG", "The figure as a drawing, for papers and slides"),
    ("csv", "CSV", "The data that is drawn, one row a point"),
)


def figure_card(
    graph: Any,
    title: Node,
    over: Node = "",
    *,
    figure: dict[str, Any] | None = None,
    explained: str | None = None,
    config: dict[str, Any] | None = None,
    after: Node = None,
    className: str = "",
    **attributes: Any,
) -> Node:
    """`graph` is the id of the `dcc.Graph`; `over` says what the figure was computed over; `after` stands below it.

    `title` and `over` may be text or elements with ids of their own: the title's text is the name of the files.
    """
    buttons = [
        html.Button(name, type="button", title=hint, **{"data-download": kind, "aria-label": f"download as {name}"})
        for kind, name, hint in DOWNLOADS
    ]
    return html.Figure(
        [
            html.Figcaption(
                [
                    html.Div(
                        [
                            html.H3(title, className="figure-title", **(tip(explained) if explained else {})),
                            html.P(over, className="figure-over"),
                        ]
                    ),
                    html.Div(buttons, className="downloads"),
                ]
            ),
            dcc.Graph(id=graph, figure=figure or BLANK, config=config or CONFIG, className="graph", responsive=True),
            after,
        ],
        className=f"figure-card {className}".strip(),
        **attributes,
    )
