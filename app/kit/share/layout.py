"""The Share popover of the header: sections that follow from what the page says of itself.

What its buttons do is in `frontend_assets/share` (clipboard, pictures) and `shatterscope.app.kit.share.callbacks` (what the server is asked).
"""

from __future__ import annotations

from dash import dcc, html

from shatterscope.app.kit import ids
from shatterscope.app.kit.components import Field
from shatterscope.app.kit.page import Page
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.rooms import room_share


def share(page: Page) -> Node:
    return html.Details(
        [
            html.Summary("Share", title="Link, QR code, gallery, exports, citation"),
            html.Div(
                [
                    links(page),
                    room_share(),
                    exports(page),
                    cite(page),
                    html.P(id=ids.SHARE_SAID, className="share-said", role="status"),
                ],
                className="share-panel",
                role="group",
                **{"aria-label": "Share this view"},
            ),
            dcc.Store(id=ids.SHARE_ASKED),
            dcc.Store(id=ids.SHARE_TOLD),
            dcc.Store(id=ids.SHARE_PINS),
        ],
        id="share",
        className="share",
    )


def links(page: Page) -> Node:
    return part(
        "Link",
        html.Div(
            [
                button("Copy link", ids.LINK_COPY, "This whole view: checkpoint and its weights' hash, edits, camera"),
                button("QR code", ids.LINK_QR, "The same link, for a phone", **{"aria-expanded": "false"}),
                html.A("Gallery", href="/gallery", className="share-gallery"),
            ],
            className="share-row",
        ),
        html.Div(id=ids.SHARE_QR, className="share-qr", hidden=True),
        None if page.exporter is None else _save(),
    )


def _save() -> Node:
    return html.Details(
        [
            html.Summary("Save in the gallery"),
            html.Div(
                [
                    Field(id="view-title", type="text", label="title of the saved view", placeholder="Title"),
                    html.Textarea(
                        id="view-note",
                        placeholder="What to look at (optional)",
                        rows=2,
                        maxLength=1000,
                        **{"aria-label": "note on the saved view"},
                    ),
                    button("Save", "view-save", "For everyone on this server; only this browser can delete it"),
                ],
                className="share-form",
            ),
        ]
    )


def exports(page: Page) -> Node | None:
    """Files of what is shown, and a picture of each figure: those of cards are listed by the browser when the popover opens."""
    exporter = page.exporter
    if exporter is None:
        return None
    files = [
        button(file.name, file.ident, file.hint, **{"data-export": ending}) for ending, file in exporter.files.items()
    ]
    known = [_picture(graph, name) for graph, name in exporter.figures]
    return part(
        "Export",
        html.Div(files, className="share-row"),
        html.Div(known, className="share-pictures", **({} if known else {"data-cards": ""})),
        html.P(exporter.note, className="share-note") if exporter.note else None,
    )


def _picture(graph: str, name: str) -> Node:
    kinds = [
        html.Button(
            kind.upper(),
            type="button",
            **{"data-picture": f"{graph}.{kind}", "aria-label": f"{name} as {kind.upper()}"},
        )
        for kind in ("png", "svg")
    ]
    return html.Span([html.Span(name), *kinds], className="share-picture")


def cite(page: Page) -> Node:
    """Beside a page without exports there is nothing to make again, only the paper to cite."""
    texts = ((ids.CITE_BIBTEX, "BibTeX"), (ids.CITE_COMMAND, "command"), (ids.CITE_SPEC, "specification"))
    how = f", and how to {page.exporter.again}" if page.exporter else ""
    return part(
        "Cite this",
        html.Details(
            [
                html.Summary(f"BibTeX of the paper{how}"),
                *(
                    html.Div(
                        [
                            html.Div([html.Span(name), button("Copy", f"{ident}-copy", f"Copy {name}")]),
                            html.Pre(id=ident, tabIndex="0", role="region", **{"aria-label": name}),
                        ],
                        className="share-cite",
                        hidden=page.exporter is None and ident != ids.CITE_BIBTEX,
                    )
                    for ident, name in texts
                ),
            ],
            id="cite",
        ),
    )


def part(title: str, *content: Node) -> Node:
    """One section of the popover, with its heading."""
    return html.Section([html.H2(title), *content], className="share-part", **{"aria-label": title})


def button(text: str, ident: str, hint: str, **attributes: str) -> Node:
    return html.Button(text, id=ident, type="button", title=hint, **attributes)
