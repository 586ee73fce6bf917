"""The grid: fields of a board, named as in chess, with steps in four directions. Its edges are open, or wrapped round to a torus.

A step over an open edge leads nowhere, and is no fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shatterscope.backend.worlds.base import ABSENT, MAX_ENTITIES, FloatArray, Group, IntArray, Relation, Rule, World
from shatterscope.backend.worlds.checks import check_draws, check_facts, check_range

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# One step in columns and rows, and the way back; north is up, where row numbers rise.
WAYS = {"east": (1, 0, "west"), "west": (-1, 0, "east"), "north": (0, 1, "south"), "south": (0, -1, "north")}
HOLE = 0.5  # of the torus: the tube's radius as a share of the ring's


@dataclass(frozen=True)
class GridConfig:
    """The sides of the board, the steps each way, whether its edges are wrapped; the shares of facts kept out of training, and the seed of their draws."""

    width: int = 12
    height: int = 12
    n_hops: int = 2
    torus: bool = False
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_draws(self)
        check_range(self, "n_hops", 1)
        low = 2 * self.n_hops + 1
        why = "(2 * n_hops + 1: so that steps one way never end where steps the other way do)"
        check_range(self, "width", low, len(LETTERS), f"{why}, a letter for each column")
        check_range(self, "height", low, MAX_ENTITIES // self.width, why)
        check_facts(self.width * self.height, (4 * self.n_hops) ** 2, "width, height and n_hops")


class Grid(World):
    kind: ClassVar[str] = "grid"
    Config: ClassVar[type] = GridConfig

    @classmethod
    def of(cls, config: GridConfig) -> Grid:
        width, height = config.width, config.height
        row, column = np.divmod(np.arange(width * height), width)

        def reached(right: int, up: int) -> IntArray:
            x, y = column + right, row + up
            if config.torus:
                x, y = x % width, y % height
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            return np.where(inside, y * width + x, ABSENT)

        relations: list[Relation] = []
        objects: list[IntArray] = []
        for way, (right, up, back) in WAYS.items():
            for hops in range(1, config.n_hops + 1):
                phrase = f"Which field lies {hops} step{'s' if hops > 1 else ''} {way} of {{subject}}?"
                relations.append(Relation(len(relations), f"{way}{hops}", 0, phrase, f"{back}{hops}"))
                objects.append(reached(hops * right, hops * up))
        edges = np.concatenate(
            [np.column_stack([np.arange(width * height), reached(*one)]) for one in ((1, 0), (0, 1))]
        )
        place, color = (_on_torus if config.torus else _on_board)(column, row, width, height)
        board = Group(
            name="torus" if config.torus else "board",
            title="the torus" if config.torus else "the board",
            shape="torus" if config.torus else "grid",
            scale="cyclic",
            coordinates=place,
            color=color,
            edges=edges[edges[:, 1] != ABSENT],
        )
        return cls(
            config,
            [f"{LETTERS[x]}{y + 1}" for x, y in zip(column, row, strict=True)],
            [board],
            relations,
            np.stack(objects, axis=1)[..., None],
            [Rule("steps back undo steps on: west those east, south those north", tuple(WAYS))],
        )


def _on_board(column: IntArray, row: IntArray, width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Places on the lattice, and colours by the direction from its middle: neighbours have colours near each other, and every side its own."""
    x, y = column - (width - 1) / 2, row - (height - 1) / 2
    place = np.column_stack([x, y]) / (max(width, height) - 1) * 2
    return place, np.arctan2(x, y) / (2 * np.pi) % 1


def _on_torus(column: IntArray, row: IntArray, width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Places in space, columns round the hole and rows round the tube, and colours by column: on a torus no direction is outward."""
    around, tube = 2 * np.pi * column / width, 2 * np.pi * row / height
    radius = 1 + HOLE * np.cos(tube)
    place = np.column_stack([radius * np.sin(around), radius * np.cos(around), HOLE * np.sin(tube)]) / (1 + HOLE)
    return place, column / width
