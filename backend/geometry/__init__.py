"""Geometry of representations: arrays in, arrays out; knows nothing of models or the web.

Start at `projection.py` (pictures before and after an edit), `shattering.py` (the paper's R) and `movement.py` (what moved, and how unevenly).
"""

from shatterscope.backend.geometry.loops import gap_by_chance
from shatterscope.backend.geometry.movement import movement
from shatterscope.backend.geometry.projection import (
    METHODS,
    Diagnostics,
    Fit,
    Projection,
    compare,
    fit,
    picture,
    project,
)
from shatterscope.backend.geometry.ring import ring_neighbor_share, winding_number
from shatterscope.backend.geometry.shape import Shape, Verdict, shape
from shatterscope.backend.geometry.shattering import shattering

__all__ = [
    "METHODS",
    "Diagnostics",
    "Fit",
    "Projection",
    "Shape",
    "Verdict",
    "compare",
    "fit",
    "gap_by_chance",
    "movement",
    "picture",
    "project",
    "ring_neighbor_share",
    "shape",
    "shattering",
    "winding_number",
]
