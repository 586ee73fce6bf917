"""What the strength slider draws while it is dragged: the scene after the edits, with the last one at other strengths.

A path of its own and no Dash callback: Dash throws an answer away as soon as the next is asked for, so that a drag would never see one. The
browser (`frontend_assets/explore/strength.js`) asks for a few strengths at a time, the nearest first. Each is a real model.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shatterscope.app.kit import actions, aims, batches, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.figures import Scene, frames, scene_update
from shatterscope.app.kit.figures.arrays import decode
from shatterscope.app.kit.scenes import marks_of
from shatterscope.app.kit.state import ViewState
from shatterscope.app.pages.explore.views.verdicts import number, on_the_way
from shatterscope.wire.edits import MAX_STRENGTH

PATH = "/strengths"
MAX_AT_ONCE = 8

Json = dict[str, Any]


def add_pictures(server: FastAPI, client: Client) -> None:
    async def pictures(request: Request) -> Response:
        """`?at=0.5&at=0.55&` and the query of a view with edits: of every strength its `scenes`, `{scene: [[path in its figure, value], ...]}`, the
        numbers that follow (`statistics`, as shown), and these in `words`."""
        try:
            at = [float(text) for text in request.query_params.getlist("at")]
        except ValueError:
            at = []
        if not 0 < len(at) <= MAX_AT_ONCE or not all(abs(each) <= MAX_STRENGTH for each in at):
            return Response(f"name 1 to {MAX_AT_ONCE} strengths up to {MAX_STRENGTH:g}: at=0.5", 422)
        query = "&".join(part for part in request.url.query.split("&") if not part.startswith("at="))
        view, _ = ViewState.from_query(query)
        if not view.edits:
            return Response("name a view with edits", 422)
        try:
            return JSONResponse(await draw(client, view, at))
        except ApiError as error:
            return error.answer()

    server.add_route(PATH, pictures, methods=["GET"])


async def draw(client: Client, view: ViewState, at: list[float]) -> Json:
    """Of every strength what changes in the figures; strengths that leave nothing to draw are left out."""
    checkpoints, editors = await client.checkpoints(), await client.editors()
    checkpoint = options.find_checkpoint(checkpoints, view.checkpoint)
    if checkpoint.language is not None and checkpoint.language.recorded is not None:
        return {}  # other strengths were not recorded
    view, _ = actions.fit(view, checkpoint, editors)
    view = await aims.settled(client, view, checkpoint.id)
    see = view.see
    relation = see.relation or view.relation
    # At strength 0 an edit is not there, and could not be scaled.
    edits = view.edits if view.edits[-1].strength else batches.with_strength(view.edits, 1.0)
    found = await client.strengths(checkpoint.id, edits, at, **see.asked(view.relation))
    world = await client.world(checkpoint.id)
    aim = await aims.look_up(client, checkpoint.id, view.subject, view.relation, view.target)
    marks = marks_of(aim, world)
    before, shown = decode(found.before), world.drawn(relation, found.entities, found.order_position)
    together = see.scale == "same" or see.align == "shared"
    drawn: Json = {}
    for picture in found.pictures:
        if picture.after is None:
            continue
        after = decode(picture.after)
        first, second = frames(before, after, shared=found.align == "shared", scale=see.scale)
        update = scene_update(Scene(after, shown, second, marks))
        scenes = {"after": _told(update)}
        if together:  # the scene before shows more or less of its surroundings
            ranges = zip(("xaxis", "yaxis", "zaxis"), first.ranges(), strict=True)
            scenes["before"] = _told({("layout", "scene", axis, "range"): it for axis, it in ranges})
        drawn[f"{picture.strength:g}"] = {
            "scenes": scenes,
            "statistics": {item.name: number(item.value) for item in picture.statistics},
            "words": on_the_way(picture.statistics),
        }
    return drawn


def _told(update: dict[tuple[str | int, ...], Any]) -> list[Any]:
    return [[list(path), value] for path, value in update.items()]
