"""One contender: its training, where it is trained, its picture and its row."""

from __future__ import annotations

import asyncio
from dataclasses import replace
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
from shatterscope.app.pages.compare.state import CONTROL, ORACLE
from shatterscope.wire.measures import EvaluationResult
from shatterscope.wire.oracles import OracleInfo

Json = dict[str, Any]

PICTURE: Json = {"method": "isomap", "dimensions": 2, "n_neighbors": "auto", "align": "procrustes"}


LOOK, ROUND = 0.25, 1.5  # seconds between two looks at a training, and between two words about it


async def train(client: Client, asked: Json) -> tuple[Node, Json]:
    """One round of following an oracle's training, which the first begins: words, and what the browser puts into the tile's stores (by their types): the
    next round; or, when it has ended, the picture and the row to compute, or the row with the reason why there are none. Who leaves in the middle takes
    the request back."""
    edit, key, row = Edit.parse(asked["learns"]), asked["key"], asked["row"]
    try:
        if "id" not in asked:
            created = await client.start_oracle(asked["view"]["checkpoint"], edit)
            asked = {**asked, "id": created.id, "token": created.token}
        found = await _round(client, asked)
    except ApiError as error:
        failed = {**row, "state": "failed", "reason": error.message}
        return words_of(f"No picture: {error.message}", failed=True), {"key": key, "next": {"compare-result": failed}}
    if found.status == "done":
        view = asked["view"]
        return [], {"key": key, "next": {"compare-view": view, "compare-job": {**view, "row": row}}}
    return _progress(found), {"key": key, "next": {"compare-oracle": {**asked, "round": asked.get("round", 0) + 1}}}


async def _round(client: Client, asked: Json) -> OracleInfo:
    found = await client.oracle(asked["id"])
    try:
        for _ in range(int(ROUND / LOOK)):
            if found.status not in ("queued", "running"):
                break
            await asyncio.sleep(LOOK)
            found = await client.oracle(asked["id"])
    except asyncio.CancelledError:
        await client.cancel_oracle(asked["id"], asked["token"])
        raise
    if found.status == "failed":
        raise ApiError(0, found.error or "The training failed.")
    return found


def _progress(found: OracleInfo) -> Node:
    if found.status == "queued":
        return words_of(
            "waiting to be trained",
            "A process is started for each model; where others are in training, they go first.",
            className="training",
        )
    told = f"training: {found.done} of {found.total} steps"
    probability = "" if found.probability is None else f" · p = {found.probability:.2f}"
    explained = "Steps of both models, the oracle and its control. p: the probability of the new object, of the oracle."
    return words_of(f"{told}{probability}", explained, className="training")


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
    said = (
        pictures.named(item) + pictures.others(result, side),
        over,
        f"k\u00a0=\u00a0{item.n_neighbors}",
        scaled.partition(" (")[0],
    )
    return small_figure(scene), words_of(" · ".join(filter(None, said)), " ".join(filter(None, told)))


async def numbers(client: Client, job: Json) -> tuple[Json, Node]:
    """The row with its numbers, and R for below the picture; or the row with the reason why there are none."""
    blank, edits = job["row"], _edits(job)
    try:
        edit = await client.edit(job["checkpoint"], edits)
        found = await client.evaluation(job["checkpoint"], edits)
        world = await client.world(job["checkpoint"])
        control = await _control(client, job["checkpoint"], edits)
    except ApiError as error:
        return {**blank, "state": "failed", "reason": error.message}, ""
    row = rows.filled(blank, edit, found, job["d_mlp"], world.name, world.noun)
    said = verdict(row, world.noun)
    if control is not None and found.shattering.edit is not None and control.shattering.edit is not None:
        said.append(html.P(rows.drift(found.shattering.edit, control.shattering.edit), className="tile-drift"))
    return row, said


async def _control(client: Client, checkpoint: str, edits: Stack) -> EvaluationResult | None:
    """What the control of an oracle did; None for anything else."""
    if len(edits) != 1 or edits[0].method != ORACLE or edits[0].preset == CONTROL:
        return None
    return await client.evaluation(checkpoint, (replace(edits[0], preset=CONTROL),))


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
