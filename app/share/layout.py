"""The Share popover of the header: a list of sections, each a function of the page's path.

What its buttons do is in `frontend_assets/share.js` (clipboard, pictures) and `app.share.callbacks` (what the server is asked).
"""

from __future__ import annotations

from collections.abc import Callable

from dash import dcc, html

from app import ids
from app.components import Field
from app.layout.parts import Node
from app.rooms import room_share

Section = Callable[[str], Node]

PAGE_NAMES = {"/": "Explore", "/compare": "Compare", "/reproduce": "Reproduce"}
FIGURES = (("scene-before", "Before"), ("scene-after", "After"), ("damage-figure", "Damage"))


def share(path: str) -> Node:
    """The popover for the page at `path`."""
    return html.Details(
        [
            html.Summary("Share", title="Link, QR code, gallery, exports, citation"),
            html.Div(
                [
                    *(section(path) for section in SECTIONS),
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


def links(path: str) -> Node:
    save = None if path not in PAGE_NAMES else _save()
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
        save,
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
                        placeholder="What is to be seen (optional)",
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


def exports(path: str) -> Node | None:
    """Of the picture before and after; the other pages have downloads beside their tables and figures."""
    if path != "/":
        return None
    return part(
        "Export",
        html.Div(
            [
                button(
                    "HTML page", ids.EXPORT_HTML, "One file that opens without a network: both scenes, still turning"
                ),
                button("CSV", ids.EXPORT_CSV, "Coordinates and metrics, with where they come from"),
                button("JSON", "export-json", "The same as JSON, with the complete edits"),
                button("Weights", "export-weights", "W_edited − W of every changed parameter, a safetensors file"),
            ],
            className="share-row",
        ),
        html.Div([_picture(graph, name) for graph, name in FIGURES], className="share-pictures"),
        html.P("The SVG of a 3D scene holds a picture of pixels; its labels are text.", className="share-note"),
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


def cite(path: str) -> Node:
    """Beside the Explore page there is no one picture to make again, only the paper to cite."""
    texts = ((ids.CITE_BIBTEX, "BibTeX"), (ids.CITE_COMMAND, "command"), (ids.CITE_SPEC, "specification"))
    return part(
        "Cite this",
        html.Details(
            [
                html.Summary(
                    "BibTeX of the paper, and how to make this picture again" if path == "/" else "BibTeX of the paper"
                ),
                *(
                    html.Div(
                        [
                            html.Div([html.Span(name), button("Copy", f"{ident}-copy", f"Copy {name}")]),
                            html.Pre(id=ident, tabIndex="0", role="region", **{"aria-label": name}),
                        ],
                        className="share-cite",
                        hidden=path != "/" and ident != ids.CITE_BIBTEX,
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


# In the order in which they are shown.
SECTIONS: list[Section] = [links, room_share, exports, cite]
