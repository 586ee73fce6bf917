"""Worlds: what a model is taught. Nobody outside knows which kind of world it is."""

from shatterscope.backend.worlds.base import ABSENT, Consequence, Group, Relation, World, WorldError
from shatterscope.backend.worlds.holdout import Holdout, draw_holdout
from shatterscope.backend.worlds.registry import WORLDS, WorldConfig, build, config_table, read_config

__all__ = [
    "ABSENT",
    "WORLDS",
    "Consequence",
    "Group",
    "Holdout",
    "Relation",
    "World",
    "WorldConfig",
    "WorldError",
    "build",
    "config_table",
    "draw_holdout",
    "read_config",
]
