"""One view, looked up and computed through the API, for whatever is made of it: files, citations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from shatterscope.app.kit import actions, aims, links
from shatterscope.app.kit.aims import Aim
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.exporter import check_exact
from shatterscope.app.kit.figures.arrays import FloatArray
from shatterscope.app.kit.links import Pin
from shatterscope.app.kit.state import ViewState
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore.foreseen import foresee, shades
from shatterscope.app.pages.explore.panels import PANELS
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import EvaluationResult, SitesResult
from shatterscope.wire.pictures import ProjectionResult
from shatterscope.wire.verdicts import VerdictsResult
from shatterscope.wire.world import CheckpointInfo


@dataclass(frozen=True)
class ShownView:
    """A view as the Explore page shows it; `edit`, `evaluation` and `site` are None for the unedited model."""

    view: ViewState
    checkpoint: CheckpointInfo
    world: World
    query: str  # pinned: it says which weights
    link: str  # the address of the view
    edit: EditResult | None
    projection: ProjectionResult
    verdicts: VerdictsResult
    measured: EvaluationResult
    site: SitesResult | None  # R at what is shown, where that is not where the evaluation's R is read
    panels: dict[str, Any]  # what each needs, by name, if the query says `open=name`, or a file always holds it
    aim: Aim  # the question's
    shades: FloatArray | None = (
        None  # how far the next edit will move each point of Before, where the view is coloured by it
    )

    @property
    def evaluation(self) -> EvaluationResult | None:
        """Of the edits."""
        return self.measured if self.edit is not None else None


async def read(client: Client, query: str) -> tuple[ViewState, CheckpointInfo]:
    """The view that a query means here.

    Raises:
        ApiError: 409 where something that the link needs is not here, 422 where it cannot be read.
    """
    checkpoints, editors = await client.checkpoints(), await client.editors()
    if not checkpoints:
        raise ApiError(409, "There is no checkpoint here.")
    view, unread = ViewState.from_query(query)
    if unread:
        raise ApiError(422, " ".join(unread))
    opened = links.open_link(view, Pin.from_query(query), checkpoints, editors)
    check_exact(opened, "/", ViewState.to_query)
    fitted, gave_way = actions.fit(opened.view, opened.checkpoint, editors)
    if gave_way:
        raise ApiError(422, " ".join(gave_way))
    return await aims.settled(client, fitted, opened.checkpoint.id), opened.checkpoint


async def show(client: Client, query: str) -> ShownView:
    """Raises `ApiError`, as `read` does, and where a computation fails."""
    view, checkpoint = await read(client, query)
    edits, looked_at = view.edits, view.see.asked(view.relation)
    edit = await client.edit(checkpoint.id, edits) if edits else None
    projection = await client.projection(checkpoint.id, edits, **looked_at)
    verdicts = await client.verdicts(checkpoint.id, edits, **looked_at)
    measured = await client.evaluation(checkpoint.id, edits)
    elsewhere = edits and projection.site != checkpoint.model.default_site
    site = await client.sites(checkpoint.id, edits, [projection.site]) if elsewhere else None
    opened = {name for key, name in parse_qsl(query.lstrip("?")) if key == "open"}
    panels = {
        panel.name: await panel.needs(client, checkpoint.id, edits)
        for panel in PANELS.values()
        if panel.offered(checkpoint, edits) and (panel.always_in_file or panel.name in opened)
    }
    world = await client.world(checkpoint.id)
    aim = await aims.look_up(client, checkpoint.id, view.subject, view.relation, view.target)
    query = links.pinned(view.to_query(), checkpoint)
    link = f"{client.origin}/{query}"
    moves = await _moves(client, view, checkpoint, projection) if view.see.colors == "damage" else None
    return ShownView(
        view, checkpoint, world, query, link, edit, projection, verdicts, measured, site, panels, aim, moves
    )


async def _moves(
    client: Client, view: ViewState, checkpoint: CheckpointInfo, projection: ProjectionResult
) -> FloatArray | None:
    """As the page, which shows places where nothing can be foreseen."""
    try:
        found = await foresee(client, view, checkpoint)
    except ApiError:
        return None
    return None if found is None else shades(found.result, projection)
