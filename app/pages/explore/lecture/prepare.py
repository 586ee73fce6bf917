"""What makes a step quick: the browser asks for the steps ahead while one is shown, and the API has computed them when they come.

A path of its own and no Dash callback, because it is nothing to wait for: the page stays `ready`.
"""

from __future__ import annotations

import asyncio

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shatterscope.app.kit import actions, aims, options
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.state import ViewState
from shatterscope.app.pages.explore.lecture.told import shown_at
from shatterscope.app.pages.explore.panels import PANELS

PATH = "/lecture/prepare"


def add_preparation(server: FastAPI, client: Client) -> None:
    async def prepare_step(request: Request) -> Response:
        place = ViewState.from_query(request.url.query)[0].lecture
        if place is None:
            return Response("name a lesson and a step", 422)
        try:
            lesson = await client.lesson(place.lesson)
            shown = shown_at(lesson, place)
            if shown is None:
                return Response("there is no such step", 404)
            await prepare(client, shown.view, shown.panel)
        except ApiError as error:
            return error.answer()
        return Response(status_code=204)

    server.add_route(PATH, prepare_step, methods=["GET"])


async def prepare(client: Client, query: str, panel: str | None) -> None:
    """Asks the API for all that the page will ask for when it shows a view."""
    checkpoints, editors = await client.checkpoints(), await client.editors()
    view, _ = ViewState.from_query(query)
    checkpoint = options.find_checkpoint(checkpoints, view.checkpoint)
    if view.checkpoint not in (None, checkpoint.id):
        return
    view, _ = actions.fit(view, checkpoint, editors)
    view = await aims.settled(client, view, checkpoint.id)
    picture = client.projection(
        checkpoint.id, view.edits, relation=view.see.relation or view.relation,
        site=view.see.site or checkpoint.model.default_site, method=view.see.projection, dimensions=view.see.dimensions,
        align=view.see.align, n_neighbors=view.see.n_neighbors,
    )  # fmt: skip
    question = (checkpoint.id, view.subject, view.relation)
    await asyncio.gather(
        picture,
        client.world(checkpoint.id),
        *(client.fact(*question, edits) for edits in ([(), view.edits] if view.edits else [()])),
        *([client.evaluation(checkpoint.id, view.edits)] if view.edits else []),
        *([PANELS[panel].needs(client, checkpoint.id, view.edits)] if panel in PANELS and view.edits else []),
    )
