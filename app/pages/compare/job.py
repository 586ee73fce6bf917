"""One contender: its picture and its row."""

from __future__ import annotations

from typing import Any

from dash import html

from shatterscope.app.kit import pictures, words
from shatterscope.app.kit.batches import Stack
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figure_card import BLANK
from shatterscope.app.kit.figures import Mark, Scene, frame, frame_beside
from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.figures.small import drawn_every, small_figure
from shatterscope.app.kit.parts import Node, tip
from shatterscope.app.kit.state import Edit
from shatterscope.app.pages.compare import rows
from shatterscope.app.pages.compare.layout import words_of

Json = dict[str, Any]

PICTURE: Json = {"method": "isomap", "dimensions": 2, "n_neighbors": "auto", "align": "procrustes"}


async def picture(client: Client, view: Json, scale: str = "own") -> tuple[Json, Node]:
    """The figure of `view` (checkpoint, edits, relation, marks) and what it was computed over; a reason where there is none. At the `same`
    scale as the unedited one where that holds it."""
    try:
        result = await client.projection(
            view["checkpoint"],
            _edits(view),
            relation=view["relation"],
            **PICTURE,
        )
        world = await client.world(view["checkpoint"])
    except ApiError as error:
        return BLANK, words_of(f"No picture: {error.message}", failed=True)
    before, after = frame(decode(result.before)), decode(result.after)
    own = frame_beside(before, after, scale)
    shown = world.drawn(result.relation, result.entities, result.order_position)
    marks = [Mark(entity, role, "") for role, entity in view["marks"].items()]
    scene = Scene(after, shown, own, marks)
    n, item = shown.n, result.diagnostics["after"]
    drawn = -(-n // drawn_every(n))
    over = f"{drawn} of {n} entities" if drawn < n else f"all {n} entities"
    scaled = words.magnified(before.half / own.half)
    side: pictures.Side = "after" if result.edit else "before"
    told = [
        pictures.caption(result, side),
        pictures.means(item),
        f"{scaled.capitalize()}." if scaled else "",
    ]
    said = (pictures.named(item), over, f"k = {item.n_neighbors}", scaled.partition(" (")[0])
    return small_figure(scene), words_of(" · ".join(filter(None, said)), " ".join(filter(None, told)))


async def numbers(client: Client, job: Json) -> tuple[Json, Node]:
    """The row with its numbers, and R for below the picture; or the row with the reason why there are none."""
    blank, edits = job["row"], _edits(job)
    try:
        edit = await client.edit(job["checkpoint"], edits)
        found = await client.evaluation(job["checkpoint"], edits)
        world = await client.world(job["checkpoint"])
    except ApiError as error:
        return {**blank, "state": "failed", "reason": error.message}, ""
    row = rows.filled(blank, edit, found, job["d_mlp"], world.name, world.noun)
    return row, verdict(row, world.noun)


def verdict(row: Json, noun: str = "ring") -> list[Node]:
    """R and whether the edit took, for below the picture."""
    success, r = row["cells"]["success"], row["cells"]["r_edit"]
    said = f"{success['text']} taken" if " of " in success["text"] else success["text"]
    return [
        html.Span(["R ", html.B(r["text"])], **tip(f"Shattering of the edited {noun}. {r['tip']}")),
        html.Span(said, className=success["tone"], **tip(success["tip"])),
    ]


def _edits(item: Json) -> Stack:
    return tuple(Edit.parse(text) for text in item["edits"])
