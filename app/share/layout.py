"""The Share popover of the header: a list of sections, each a function of the page's path.

What its buttons do is in `frontend_assets/share` (clipboard, pictures) and `shatterscope.app.share.callbacks` (what the server is asked).
"""

from __future__ import annotations

from collections.abc import Callable

from dash import dcc, html

from shatterscope.app import ids
from shatterscope.app.components import Field
from shatterscope.app.layout.parts import Node
from shatterscope.app.rooms import room_share

Section = Callable[[str], Node]

PAGE_NAMES = {"/": "Explore", "/compare": "Compare", "/reproduce": "Reproduce"}
FIGURES = (("scene-before", "Before"), ("scene-after", "After"), ("damage-figure", "Damage"))

HTML, CSV, JSON, WEIGHTS, DELTA = ids.EXPORT_HTML, ids.EXPORT_CSV, "export-json", "export-weights", "export-delta"
OFFLINE = "One file that opens without a network"
GRACE = "Of GRACE, which changes no weight: its codebook."
# By page: name, id, ending of the file, and what is in it.
FILES = {
    "/": (
        ("HTML page", HTML, "html", f"{OFFLINE}: both scenes, still turning"),
        ("CSV", CSV, "csv", "Coordinates and metrics, with where they come from"),
        ("JSON", JSON, "json", "The same as JSON, with the complete edits"),
        ("Edited weights", WEIGHTS, "safetensors", f"Every parameter of the edited model, a safetensors file. {GRACE}"),
        ("Weight change", DELTA, "delta.safetensors", f"W_edited − W of every changed parameter. {GRACE}"),
    ),
    "/compare": (
        ("HTML page", HTML, "html", f"{OFFLINE}: a turning scene and a row of numbers for each method"),
        ("CSV", CSV, "csv", "Coordinates and metrics of every variant, with where they come from"),
        ("JSON", JSON, "json", "The same as JSON, with the complete edits"),
        ("Edited weights", WEIGHTS, "zip", f"A safetensors file for each method, in a ZIP archive. {GRACE}"),
        ("Weight changes", DELTA, "delta.zip", f"W_edited − W of each method, in a ZIP archive. {GRACE}"),
    ),
    "/reproduce": (
        ("HTML page", HTML, "html", f"{OFFLINE}: tables, figures, sentences and findings of this run"),
        ("CSV", CSV, "csv", "The numbers of tables and figures, with where they come from"),
        ("JSON", JSON, "json", "The same as JSON, with the protocol"),
    ),
}
NOTES = {"/compare": "What is not computed yet is computed for the files. Their pictures have three dimensions."}


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


def exports(path: str) -> Node | None:
    """Files of what is shown, and a picture of each figure: those of cards are listed by the browser when the popover opens."""
    if path not in FILES:
        return None
    files = [button(name, ident, hint, **{"data-export": ending}) for name, ident, ending, hint in FILES[path]]
    known = [_picture(graph, name) for graph, name in FIGURES] if path == "/" else []
    note = (
        "The SVG of a 3D scene holds a picture of pixels; its labels are text." if path == "/" else NOTES.get(path, "")
    )
    return part(
        "Export",
        html.Div(files, className="share-row"),
        html.Div(known, className="share-pictures", **({} if known else {"data-cards": ""})),
        html.P(note, className="share-note") if note else None,
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
    """Beside a page without exports there is nothing to make again, only the paper to cite."""
    texts = ((ids.CITE_BIBTEX, "BibTeX"), (ids.CITE_COMMAND, "command"), (ids.CITE_SPEC, "specification"))
    again = {"/": "make this picture again", "/compare": "make this comparison again", "/reproduce": "run this again"}
    how = f", and how to {again[path]}" if path in again else ""
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
                        hidden=path not in FILES and ident != ids.CITE_BIBTEX,
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
