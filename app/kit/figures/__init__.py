"""Pure functions from arrays to plotly figures (as plain dictionaries). No web, no client."""

from shatterscope.app.kit.figures.damage import damage_figure
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

__all__ = ["Frame", "Mark", "Scene", "damage_figure", "frame", "frame_beside", "frames", "scene_figure", "scene_update"]
