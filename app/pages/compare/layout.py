"""The Compare page's markup: what is edited, by which methods, a picture for each, and the table."""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids, theme
from shatterscope.app.kit.components import Checks, Choice, Field, SortTable
from shatterscope.app.kit.figure_card import figure_card
from shatterscope.app.kit.options import DIRECTIONS
from shatterscope.app.kit.parts import DISTANCE_HINT, Node, labelled, new_object, pickers, tip
from shatterscope.app.pages.compare.rows import Json, table_columns


def layout() -> list[Node]:
    return [
        html.Main(
            [
                html.Section([edit(), methods()], className="compare-ask", **{"aria-label": "What is compared"}),
                html.Div(
                    [pictures(), numbers()], id=ids.COMPARE_BOARD, className="compare-board", **{"data-world": "rings"}
                ),
            ],
            className="compare",
        )
    ]


def edit() -> Node:
    """One edit, asked for here; or the stack that came from the Explore page."""
    return html.Div(
        [
            html.H2("The edit"),
            html.P([html.Span(id=ids.QUESTION), " ", html.Span(id=ids.TARGET)], className="target one"),
            html.Div(
                [
                    labelled(
                        "entity",
                        Field(id=ids.SUBJECT, type="number", min=0, step=1, label="subject entity"),
                        className="of-numbers",
                    ),
                    *pickers(),
                    labelled("ring", Choice(id=ids.ORDER, options=[], label="ring"), className="of-rings"),
                    labelled(
                        "steps", Choice(id=ids.HOPS, options=[], label="steps along the ring"), className="of-rings"
                    ),
                    labelled(
                        "direction",
                        Choice(id=ids.DIRECTION, options=DIRECTIONS, label="direction"),
                        className="of-rings",
                    ),
                    new_object(),
                    labelled(
                        "distance",
                        Field(
                            id=ids.DISTANCE,
                            type="number",
                            step=1,
                            label="distance: steps from the true to the new object",
                        ),
                        hint=DISTANCE_HINT,
                    ),
                ],
                className="compare-question one",
            ),
            html.Div(
                [
                    html.Div(id=ids.COMPARE_STACK, className="chips", role="list", **{"aria-label": "edit stack"}),
                    html.Button("Compare one edit instead", id=ids.COMPARE_UNSTACK, className="quiet"),
                ],
                className="compare-stack many",
            ),
        ],
        id=ids.COMPARE_EDIT,
        className="compare-edit",
        **{"data-edits": "0", "data-world": "rings"},
    )


def methods() -> Node:
    return html.Div(
        [
            html.H2(["By ", html.Span("each by its usual preset; its others stand beside it", className="note")]),
            Checks(
                id=ids.COMPARE_METHODS,
                value=[],
                groups=[],
                through="and through a restraint",
                picks=[],
                label="methods and presets",
            ),
            html.Button("Compare", id=ids.COMPARE_RUN, className="apply", disabled=True, title="Compare (Ctrl+Enter)"),
        ],
        className="compare-by",
    )


def key(colors: Node) -> list[Node]:
    """What colours and marks mean; `colors` tells of the colours in a world that is not of rings."""
    ring = [html.I(className="key-ring", style={"background": theme.ring_gradient()}), "place on the ring"]
    return [
        html.Span(ring, className="of-rings"),
        colors,
        html.Span([html.I(className="key-mark subject"), "subject"]),
        html.Span([html.I(className="key-mark old"), "true object"]),
        html.Span([html.I(className="key-mark new"), "new object"]),
    ]


def scale() -> Node:
    scales = [
        {"value": "own", "label": "own scale", "title": "Each cloud fills its tile"},
        {
            "value": "same",
            "label": "same scale",
            "title": "All at the scale of Before, where the cloud has not outgrown it",
        },
    ]
    return Choice(id=ids.SCALE, options=scales, value="own", label="scale of the pictures")


def pictures() -> Node:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(["Representations ", html.Span(id=ids.COMPARE_WHAT, className="note")]),
                    html.Div([*key(html.Span(id=ids.COMPARE_COLORS, className="of-others")), scale()], className="key"),
                ],
                className="compare-head",
            ),
            html.P(id=ids.COMPARE_STALE, className="compare-stale", role="status"),
            html.Div(id=ids.COMPARE_TILES, className="tiles"),
        ],
        **{"aria-label": "Pictures of the representations"},
    )


def numbers() -> Node:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(["What each did ", html.Span(id=ids.COMPARE_OVER, className="note")]),
                    html.Button("CSV", id="compare-csv", className="download", title="The table, with all its numbers"),
                ],
                className="compare-head",
            ),
            SortTable(
                id=ids.COMPARE_TABLE,
                columns=table_columns("ring", ()),
                rows=[],
                sort="",
                label="What each method's edit did",
                empty="Choose methods and press Compare. Each appears as soon as it is computed.",
            ),
        ],
        **{"aria-label": "Numbers"},
    )


def tile(key: str, title: str, preset: str, view: Json, row: Json | None = None, learns: str = "") -> Node:
    """A picture that computes itself from `view`, and its row of the table from `row`; the tile before any edit has no row. `learns`: the fact of an
    oracle, which is trained before there is anything to draw."""
    name: list[Node] = [title, html.Span(f" {preset}", className="quiet")]
    head = html.A(name, href=row["href"], title="Open in Explore") if row and row["href"] else html.Span(name)
    return html.Div(
        [
            dcc.Store(id={"type": "compare-view", "index": key}, data=None if learns else view),
            *(training(key, learns, view, row) if learns else []),
            *(
                [
                    dcc.Store(id={"type": "compare-job", "index": key}, data=None if learns else {**view, "row": row}),
                    dcc.Store(id={"type": "compare-result", "index": key}, data=row),
                    dcc.Store(id={"type": "compare-shown", "index": key}),
                ]
                if row
                else []
            ),
            figure_card(
                {"type": "compare-graph", "index": key},
                head,
                html.Span(id={"type": "compare-words", "index": key}, className="words"),
                after=html.P(id={"type": "compare-r", "index": key}, className="tile-r") if row else None,
            ),
        ],
        className="tile",
        **{"data-href": row["href"] if row else ""},
    )


def training(key: str, learns: str, view: Json, row: Json | None) -> list[Node]:
    """What `job.train` goes by, round after round; each asks for the next by way of the browser."""
    asked = {"key": key, "learns": learns, "view": view, "row": row}
    return [
        dcc.Store(id={"type": "compare-oracle", "index": key}, data=asked),
        dcc.Store(id={"type": "compare-more", "index": key}),
        dcc.Store(id={"type": "compare-asked", "index": key}),
    ]


def words_of(text: str, explained: str = "", *, failed: bool = False, className: str = "") -> Node:
    return html.Span(text, className="bad" if failed else className, **(tip(explained) if explained else {}))
