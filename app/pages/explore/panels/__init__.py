"""The panels below the scenes, in their order. A new one is a line here."""

from __future__ import annotations

from shatterscope.app.pages.explore.panels.base import Around, Panel
from shatterscope.app.pages.explore.panels.knowledge import KNOWLEDGE
from shatterscope.app.pages.explore.panels.notes import NOTES
from shatterscope.app.pages.explore.panels.placements import PLACEMENTS
from shatterscope.app.pages.explore.panels.prediction import PREDICTION
from shatterscope.app.pages.explore.panels.sites import SITES

PANELS: dict[str, Panel] = {panel.name: panel for panel in (PREDICTION, SITES, PLACEMENTS, NOTES, KNOWLEDGE)}

__all__ = ["PANELS", "Around", "Panel"]
