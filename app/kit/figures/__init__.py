"""Pure functions from arrays to plotly figures (as plain dictionaries). No web, no client."""

from shatterscope.app.kit.figures.damage import damage_figure
from shatterscope.app.kit.figures.drawn import Drawn
from shatterscope.app.kit.figures.scene import (
    Frame,
    Mark,
    Scene,
    frame,
    frame_beside,
    frames,
    scene_figure,
    scene_update,
)

__all__ = [
    "Drawn",
    "Frame",
    "Mark",
    "Scene",
    "damage_figure",
    "frame",
    "frame_beside",
    "frames",
    "scene_figure",
    "scene_update",
]
