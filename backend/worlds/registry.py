"""Every kind of world. A new one: its file beside this one, and a line here.

A config is a dataclass that holds all that decides a world; written as a table (TOML, JSON) it names its `kind`, but for rings, which had none to
name when they were alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError

from shatterscope.backend.worlds.base import World
from shatterscope.backend.worlds.calendar import Calendar
from shatterscope.backend.worlds.chain import Chain
from shatterscope.backend.worlds.facts_file import Facts
from shatterscope.backend.worlds.grid import Grid
from shatterscope.backend.worlds.rings import Rings
from shatterscope.backend.worlds.tree import Tree

WORLDS: dict[str, type[World]] = {each.kind: each for each in (Rings, Calendar, Tree, Grid, Chain, Facts)}
DEFAULT = "rings"


def build(config: Any) -> World:
    """The world that a config defines. Raises `WorldError` where there can be none."""
    world: World = next(each for each in WORLDS.values() if each.Config is type(config)).of(config)
    return world


def read_config(table: object) -> Any:
    """The config that a table holds (or the config itself).

    Raises:
        ValueError: an unknown kind, or a value that does not fit; the message is one line.
    """
    if type(table) in [each.Config for each in WORLDS.values()]:
        return table
    if not isinstance(table, Mapping):
        raise ValueError("a table is needed")
    kind = table.get("kind", DEFAULT)
    if kind not in WORLDS:
        raise ValueError(f"unknown kind of world {kind!r:.40}; there are {', '.join(WORLDS)}")
    try:
        return TypeAdapter(WORLDS[kind].Config).validate_python({key: table[key] for key in table if key != "kind"})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(": ".join(filter(None, [place, first["msg"].removeprefix("Value error, ")]))) from None


def config_table(config: Any) -> dict[str, Any]:
    """A config as a table, for `read_config`."""
    kind = next(name for name, each in WORLDS.items() if each.Config is type(config))
    return ({} if kind == DEFAULT else {"kind": kind}) | dataclasses.asdict(config)


WorldConfig = Annotated[Any, BeforeValidator(read_config), PlainSerializer(config_table)]
"""A field of a pydantic model or dataclass."""
