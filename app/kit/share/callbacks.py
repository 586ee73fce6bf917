"""What sharing asks of the server: QR codes, stored views, the citation. Files come from addresses of their own (`routes`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from dash import ClientsideFunction, Dash, Input, Output, html, no_update
from dash.exceptions import PreventUpdate
from pydantic import ValidationError

from shatterscope.app.kit import ids, links
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import Exporter
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.share import cite
from shatterscope.wire.share import NewView, ViewAddress

Json = dict[str, Any]
QR_AT_MOST = 300  # characters that still make a code a phone reads from a projector


def register(app: Dash, client: Client, exporter: Exporter | None) -> None:
    """`exporter` is the page's, where it has one."""

    @app.callback(Output(ids.SHARE_PINS, "data"), Input(ids.SHARE_PINS, "id"))
    async def pins(_: str) -> Any:
        """What the browser writes into the links it copies."""
        try:
            checkpoints = await client.checkpoints()
        except ApiError:
            raise PreventUpdate from None
        return {"version": links.VERSION, "pins": {item.id: links.pin(item) for item in checkpoints}}

    @app.callback(
        output={
            "told": Output(ids.SHARE_TOLD, "data"),
            "said": Output(ids.SHARE_SAID, "children"),
            "qr": Output(ids.SHARE_QR, "children"),
            "bibtex": Output(ids.CITE_BIBTEX, "children"),
            "command": Output(ids.CITE_COMMAND, "children"),
            "spec": Output(ids.CITE_SPEC, "children"),
        },
        inputs={"asked": Input(ids.SHARE_ASKED, "data")},
        prevent_initial_call=True,
    )
    async def answer(asked: Json | None) -> Any:
        what = (asked or {}).get("what", "")
        if asked is None or what not in (*ANSWERS, "cite"):
            raise PreventUpdate
        try:
            found = await (_cite(client, asked, exporter) if what == "cite" else ANSWERS[what](client, asked))
        except ApiError as error:
            found = {"said": error.message}
        except ValidationError as error:
            found = {"said": _first(error)}
        nothing = dict.fromkeys(("said", "qr", "bibtex", "command", "spec"), no_update)
        return {**nothing, **found, "told": {**found.get("told", {}), "at": asked.get("at")}}

    app.clientside_callback(
        ClientsideFunction("share", "pins"), Output(ids.LINK_COPY, "data-pins"), Input(ids.SHARE_PINS, "data")
    )
    app.clientside_callback(
        ClientsideFunction("share", "told"), Output(ids.LINK_QR, "data-told"), Input(ids.SHARE_TOLD, "data")
    )


async def _qr(client: Client, asked: Json) -> Json:
    """Of the link; of a short one where the link is long."""
    link, state = f"{asked['origin']}{asked['path']}{asked['query']}", _state(asked)
    if len(link) > QR_AT_MOST and state is not None:
        link = f"{asked['origin']}/v/{(await client.store_view(NewView(state=state))).id}"
    source = f"data:image/svg+xml,{quote(await client.qr(link))}"
    return {"qr": [html.Img(src=source, alt=f"QR code of {link}"), html.P(html.A(link, href=link))]}


def _state(asked: Json) -> ViewAddress | None:
    """None on a page whose views are not stored."""
    try:
        return ViewAddress(path=asked["path"], query=asked["query"])
    except ValidationError:
        return None


async def _save(client: Client, asked: Json) -> Json:
    title = str(asked.get("title") or "").strip()
    if not title:
        return {"said": "Give it a title, by which others find it in the gallery."}
    checkpoint, sha256 = asked.get("checkpoint") or None, links.Pin.from_query(asked["query"]).sha256
    address = ViewAddress(path=asked["path"], query=asked["query"])
    note = str(asked.get("note") or "")
    saved = await client.store_view(
        NewView(state=address, title=title, note=note, checkpoint=checkpoint, sha256=sha256)
    )
    short = f"{asked['origin']}/v/{saved.id}"
    said: list[Node] = ["Saved in the ", html.A("gallery", href="/gallery"), ": ", html.A(short, href=short)]
    return {"told": {"saved": saved.id, "token": saved.token}, "said": said}


async def _delete(client: Client, asked: Json) -> Json:
    await client.delete_view(str(asked.get("id")), str(asked.get("token")))
    return {"told": {"deleted": asked["id"]}, "said": "Deleted."}


async def _cite(client: Client, asked: Json, exporter: Exporter | None) -> Json:
    """Beside a page without exports: the paper alone."""
    if exporter is None:
        return {"bibtex": cite.BIBTEX}
    try:
        found = await exporter.cite(client, asked["query"])
    except ApiError as error:
        return {"bibtex": cite.BIBTEX, "said": error.message}
    return {"bibtex": cite.BIBTEX, "command": found.command, "spec": found.spec}


def _first(error: ValidationError) -> str:
    item = error.errors()[0]
    return f"{item['loc'][-1]}: {item['msg'].removeprefix('Value error, ')}"


ANSWERS: dict[str, Callable[[Client, Json], Awaitable[Json]]] = {
    "qr": _qr,
    "save": _save,
    "delete": _delete,
}
