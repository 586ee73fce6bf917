"""What a comparison can be taken away as. Variants that the page has not computed are computed here, one after the other; one that
cannot be made says why in the place of its numbers."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from shatterscope.app.kit import actions, aims, batches, ids, links
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.editors import on_model
from shatterscope.app.kit.exporter import BESIDE, OFFLINE, Cited, Exporter, File, check_exact
from shatterscope.app.kit.share.cite import edit_command, export_command
from shatterscope.app.pages.compare import file, rows
from shatterscope.app.pages.compare.job import PICTURE
from shatterscope.app.pages.compare.state import Comparison, Contender, at_first, contenders, edits_of, offered
from shatterscope.app.pages.compare.tables import joined
from shatterscope.wire.edits import EditResult
from shatterscope.wire.share import Export
from shatterscope.wire.world import CheckpointInfo

Json = dict[str, Any]
T = TypeVar("T")
SOLID: Json = {**PICTURE, "dimensions": 3}  # files hold what can be turned


@dataclass(frozen=True)
class AskedComparison:
    """A comparison that can be made here; `path` is its pinned address on any server, `origin` where this one is reached."""

    state: Comparison
    checkpoint: CheckpointInfo
    contenders: list[Contender]
    path: str
    origin: str

    @property
    def link(self) -> str:
        return self.origin + self.path

    @property
    def relation(self) -> str:
        """That is looked at: of the last edit."""
        return batches.last(edits_of(self.state.view)).relation


async def read(client: Client, query: str) -> AskedComparison:
    """The comparison that a query means here.

    Raises:
        ApiError: 409 where something that the link needs is not here, 422 where it cannot be read.
    """
    checkpoints, editors = await client.checkpoints(), await client.compared()
    if not checkpoints:
        raise ApiError(409, "There is no checkpoint here.")
    state, unread = Comparison.from_query(query)
    if unread:
        raise ApiError(422, " ".join(unread))
    opened = links.open_link(state.view, links.Pin.from_query(query), checkpoints)
    check_exact(opened, "/compare", lambda view: replace(state, view=view).to_query())
    editors = on_model(editors, opened.checkpoint)
    view, gave_way = actions.fit(replace(opened.view, checkpoint=opened.checkpoint.id), opened.checkpoint, editors)
    unknown = [name for name in state.by or () if name not in offered(editors)]
    if gave_way or unknown:
        raise ApiError(422, " ".join([*gave_way, *(f"{name} is not known here." for name in unknown)]))
    view = await aims.settled(client, view, opened.checkpoint.id)
    state = replace(state, view=view, by=at_first(editors) if state.by is None else state.by, run=True)
    found = contenders(state, editors)
    if not found:
        raise ApiError(409, "No method is chosen, so there is nothing to compare. Choose some methods first.")
    return AskedComparison(
        state, opened.checkpoint, found, f"/compare{links.pinned(state.to_query(), opened.checkpoint)}", client.origin
    )


async def each(
    asked: AskedComparison, make: Callable[[Contender], Awaitable[T]]
) -> list[tuple[Contender, T | ApiError]]:
    """`make` of every contender, or why there is none.

    Raises:
        ApiError: where there is none of any.
    """
    found: list[tuple[Contender, T | ApiError]] = []
    for contender in asked.contenders:
        try:
            found.append((contender, await make(contender)))
        except ApiError as error:
            found.append((contender, error))
    if all(isinstance(made, ApiError) for _, made in found):
        raise next(made for _, made in found if isinstance(made, ApiError))
    return found


# --- files -----------------------------------------------------------------------------------------------------------


async def html_file(client: Client, query: str) -> bytes:
    asked = await read(client, query)
    checkpoint, relation = asked.checkpoint, asked.relation
    shown_as = {**SOLID, "relation": relation}
    world = await client.world(checkpoint.id)

    async def variant(contender: Contender) -> file.Variant:
        edits = contender.edits
        made = await client.edit(checkpoint.id, edits)
        measured = await client.evaluation(checkpoint.id, edits)
        return file.Variant(made, measured, await client.projection(checkpoint.id, edits, **shown_as))

    variants = await each(asked, variant)
    comparison = file.Compared(
        asked.state.view,
        checkpoint,
        world,
        asked.link,
        asked.state.sort,
        await aims.marks(client, checkpoint.id, batches.last(edits_of(asked.state.view))),
        await client.projection(checkpoint.id, (), **shown_as),
        [(contender, made.message if isinstance(made, ApiError) else made) for contender, made in variants],
    )
    cited = _cited(asked, [(contender, _made(made)) for contender, made in variants], SOLID)
    return (await asyncio.to_thread(file.compose, comparison, cited, datetime.now(UTC))).encode()


def _made(variant: file.Variant | ApiError) -> EditResult | ApiError:
    return variant if isinstance(variant, ApiError) else variant.edit


async def json_file(client: Client, query: str) -> bytes:
    asked = await read(client, query)

    async def export(contender: Contender) -> Json:
        content = await _export(client, asked, contender, "json")
        found = Export.model_validate_json(content)
        assert found.edit is not None and found.evaluation is not None  # noqa: PT018 - there are edits
        blank = rows.row(contender.name, contender.title, contender.preset, contender.in_explore(asked.state.view))
        filled = rows.filled(blank, found.edit, found.evaluation, asked.checkpoint.model.d_mlp)
        return {"row": filled["csv"], **json.loads(content)}

    variants = []
    for contender, made in await each(asked, export):
        name = {"method": contender.method, "preset": contender.preset}
        problem = made.message if isinstance(made, ApiError) else None
        variants.append({**name, "problem": problem, **({} if isinstance(made, ApiError) else made)})
    found = {
        "link": asked.link,
        "checkpoint": asked.checkpoint.id,
        "checkpoint_sha256": asked.checkpoint.sha256,
        "variants": variants,
    }
    return json.dumps(found, indent=1).encode()


async def csv_file(client: Client, query: str) -> bytes:
    asked = await read(client, query)

    async def export(contender: Contender) -> str:
        return (await _export(client, asked, contender, "csv")).decode()

    parts = [
        (
            contender.name,
            made.message if isinstance(made, ApiError) else None,
            "" if isinstance(made, ApiError) else made,
        )
        for contender, made in await each(asked, export)
    ]
    return joined(parts).encode()


async def _export(client: Client, asked: AskedComparison, contender: Contender, format: str) -> bytes:
    what = {**SOLID, "relation": asked.relation, "link": asked.link}
    return await client.export(asked.checkpoint.id, contender.edits, format, **what)


async def weights(client: Client, query: str, what: str) -> bytes:
    """One safetensors file for each variant, in a ZIP archive; `what`: weights or delta."""
    asked = await read(client, query)

    async def of(contender: Contender) -> bytes:
        return await client.weights(asked.checkpoint.id, contender.edits, what)

    out = io.BytesIO()

    def put(archive: zipfile.ZipFile, name: str, content: str | bytes) -> None:
        archive.writestr(
            zipfile.ZipInfo(name), content
        )  # without the time of day: the same files make the same archive

    with zipfile.ZipFile(out, "w") as archive:
        for contender, made in await each(asked, of):
            name = f"{contender.method}-{contender.preset}"
            if isinstance(made, ApiError):
                put(archive, f"{name}.problem.txt", made.message + "\n")
            else:
                ending = "delta.safetensors" if what == "delta" else "safetensors"
                put(archive, f"{name}.{ending}", made)
    return out.getvalue()


# --- citation --------------------------------------------------------------------------------------------------------


async def cited(client: Client, query: str) -> Cited:
    asked = await read(client, query)

    async def made(contender: Contender) -> EditResult:
        return await client.edit(asked.checkpoint.id, contender.edits)

    return _cited(asked, await each(asked, made), PICTURE)


def _cited(asked: AskedComparison, variants: list[tuple[Contender, EditResult | ApiError]], picture: Json) -> Cited:
    """The numbers of each variant (of single edits) and all pictures; every default filled in."""
    found: Json = {
        "checkpoint": asked.checkpoint.id,
        "checkpoint_sha256": asked.checkpoint.sha256,
        "picture": {**picture, "relation": asked.relation, "site": asked.checkpoint.model.default_site},
        "variants": [],
    }
    lines = []
    for contender, made in variants:
        variant: Json = {"method": contender.method, "preset": contender.preset}
        if isinstance(made, ApiError):
            variant["problem"] = made.message
        else:
            edits = [item.spec.model_dump(mode="json", exclude_none=True) for item in made.edits]
            variant |= {"edit": made.id, "edits": edits}
        found["variants"].append(variant)
        if len(contender.edits) == 1:
            lines.append(edit_command(asked.checkpoint.id, contender.edits[0]))
    return Cited("\n".join([*lines, export_command(asked.path, "comparison.html")]), json.dumps(found, indent=1))


def stem(query: str) -> str:
    """`shatterscope-compare`, checkpoint and last edit, in characters that every file system takes."""
    view = Comparison.from_query(query)[0].view
    last = batches.last(edits_of(view))
    parts = ["shatterscope-compare", view.checkpoint, f"{last.subject}-{last.relation}-{last.target}"]
    return "-".join(part for part in parts if part)


COMPARE = Exporter(
    "/compare",
    {
        "html": File(
            html_file,
            "HTML page",
            ids.EXPORT_HTML,
            f"{OFFLINE}: a turning scene and a row of numbers for each method",
        ),
        "csv": File(
            csv_file,
            "CSV",
            ids.EXPORT_CSV,
            "Coordinates and metrics of every variant, with where they come from",
        ),
        "json": File(json_file, "JSON", ids.EXPORT_JSON, "The same as JSON, with the complete edits"),
        "zip": File(
            partial(weights, what="weights"),
            "Edited weights",
            ids.EXPORT_WEIGHTS,
            f"A safetensors file for each method, in a ZIP archive. {BESIDE}",
        ),
        "delta.zip": File(
            partial(weights, what="delta"),
            "Weight changes",
            ids.EXPORT_DELTA,
            f"W_edited − W of each method, in a ZIP archive. {BESIDE}",
        ),
    },
    stem,
    cited,
    again="make this comparison again",
    note="What is not computed yet is computed for the files. Their pictures have three dimensions.",
)
