"""R at every site of the model."""

from __future__ import annotations

from shatterscope.app.kit import batches
from shatterscope.app.kit.parts import Node
from shatterscope.app.kit.sites import r_table
from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.wire.measures import SitesResult


def _markup(found: SitesResult, around: Around) -> Node:
    edited = batches.last(around.edits).relation
    return r_table(found, around.checkpoint, edited, around.site, world=around.world)


SITES = Panel(
    name="sites",
    title="R by site",
    link="R by site",
    lead="Where R is read decides its size: the change is measured by all else that the model holds there.",
    unfold="Show R at every site",
    waiting="R is computed at every site …",
    failed="R by site could not be computed",
    needs=lambda client, checkpoint, edits: client.sites(checkpoint, edits),
    markup=_markup,
    follows_site=True,
    always_in_file=True,
    of_recordings=False,
)
