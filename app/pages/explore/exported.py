"""What a view of the Explore page can be taken away as."""

from __future__ import annotations

from functools import partial

from shatterscope.app.kit import batches, links
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import Cited, Exporter
from shatterscope.app.kit.share import cite
from shatterscope.app.kit.state import ViewState
from shatterscope.app.pages.explore.file import html_file
from shatterscope.app.pages.explore.shown import read


async def table(client: Client, query: str, format: str) -> bytes:
    """Coordinates and metrics; `format`: json or csv."""
    view, checkpoint = await read(client, query)
    link = f"{client.origin}/{links.pinned(view.to_query(), checkpoint)}"
    return await client.export(checkpoint.id, view.edits, format, link=link, **cite.picture(view))


async def weights(client: Client, query: str, what: str) -> bytes:
    """`what`: weights (complete) or delta (the change)."""
    view, checkpoint = await read(client, query)
    if not view.edits:
        raise ApiError(409, "The model is the unedited one, so there are no edited weights. Apply an edit first.")
    return await client.weights(checkpoint.id, view.edits, what)


async def cited(client: Client, query: str) -> Cited:
    view, checkpoint = await read(client, query)
    made = await client.edit(checkpoint.id, view.edits) if view.edits else None
    return cite.cited(view, checkpoint, made, links.pinned(view.to_query(), checkpoint))


def stem(query: str) -> str:
    """`shatterscope`, checkpoint and last edit, in characters that every file system takes."""
    view, _ = ViewState.from_query(query)
    last = batches.last(view.edits) if batches.made(view.edits) else None
    parts = [view.checkpoint, f"{last.subject}-{last.relation}-{last.target}-{last.method}" if last else "unedited"]
    return "-".join(["shatterscope", *filter(None, parts)])


EXPLORE = Exporter(
    "/",
    {
        "html": html_file,
        "json": partial(table, format="json"),
        "csv": partial(table, format="csv"),
        "safetensors": partial(weights, what="weights"),
        "delta.safetensors": partial(weights, what="delta"),
    },
    stem,
    cited,
)
