"""All measures by name, in the order in which they are shown. A new one is a line here."""

from __future__ import annotations

from shatterscope.backend.measures.base import Measure
from shatterscope.backend.measures.movement import MOVED, STRAIN

MEASURES: dict[str, Measure] = {measure.name: measure for measure in (MOVED, STRAIN)}
