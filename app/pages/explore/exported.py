"""What a view of the Explore page can be taken away as."""

from __future__ import annotations

from functools import partial

from shatterscope.app.kit import batches, ids, links
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import BESIDE, OFFLINE, Cited, Exporter, File
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
        "html": File(html_file, "HTML page", ids.EXPORT_HTML, f"{OFFLINE}: both scenes, still turning"),
        "csv": File(
            partial(table, format="csv"), "CSV", ids.EXPORT_CSV, "Coordinates and metrics, with where they come from"
        ),
        "json": File(
            partial(table, format="json"), "JSON", ids.EXPORT_JSON, "The same as JSON, with the complete edits"
        ),
        "safetensors": File(
            partial(weights, what="weights"),
            "Edited weights",
            ids.EXPORT_WEIGHTS,
            f"Every parameter of the edited model, a safetensors file. {BESIDE}",
        ),
        "delta.safetensors": File(
            partial(weights, what="delta"),
            "Weight change",
            ids.EXPORT_DELTA,
            f"W_edited − W of every changed parameter. {BESIDE}",
        ),
    },
    stem,
    cited,
    again="make this picture again",
    note="The SVG of a 3D scene holds a picture of pixels; its labels are text.",
    figures=((ids.SCENE_BEFORE, "Before"), (ids.SCENE_AFTER, "After"), (ids.DAMAGE_FIGURE, "Damage")),
)
