"""The tree: every entity but the leaves has as many children. It is asked upward (the parent, the branch of a level), downward
(each child) and sideways (the next sibling, round the family). An entity and all below it are a house: each has
several members and is of several houses, and any of them is right. It is these, and the branches, that make a model hold a branch together.

Most relations have no inverse: a parent does not tell which of its children was meant. What is held out of them follows from two others, as
the parent of one's sibling is one's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shatterscope.backend.worlds.base import (
    ABSENT,
    BoolArray,
    FloatArray,
    Group,
    IntArray,
    Relation,
    Rule,
    World,
    able_first,
)
from shatterscope.backend.worlds.checks import check_draws, check_range

MOST = 1200  # entities
# Name, places round the family, the way back, and how it is said.
SIDEWAYS = (("sibling_next", 1, "sibling_back", "after"), ("sibling_back", -1, "sibling_next", "before"))


@dataclass(frozen=True)
class TreeConfig:
    """`branching` children, `depth` levels below the root; the shares of facts kept out of training, and the seed of their draws."""

    branching: int = 3
    depth: int = 4
    held_out_facts: float = 0.05
    held_out_compositions: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        check_draws(self)
        check_range(self, "branching", 2, 9)
        check_range(self, "depth", 2, 12)
        n = self.n_entities
        if n > MOST:  # every entity has a row for all descendants that one could have
            raise ValueError(f"branching and depth make {n} entities, more than {MOST}; make them smaller")

    @property
    def n_entities(self) -> int:
        return (self.branching ** (self.depth + 1) - 1) // (self.branching - 1)


class Tree(World):
    """Entities are numbered level by level, from the root: the children of x are b x + 1 .. b x + b."""

    kind: ClassVar[str] = "tree"
    Config: ClassVar[type] = TreeConfig

    @classmethod
    def of(cls, config: TreeConfig) -> Tree:
        b, n = config.branching, config.n_entities
        entity = np.arange(n)
        parent = np.where(entity > 0, (entity - 1) // b, ABSENT)
        which = (entity - 1) % b  # child of its parent, from 0
        level, lineage = _lineage(parent, config.depth)

        within = np.eye(n, dtype=bool)  # [x, y]: y is x or an ancestor of x
        for ancestors in lineage.T:
            within[entity[ancestors != ABSENT], ancestors[ancestors != ABSENT]] = True
        objects: dict[str, tuple[str, IntArray, str | None]] = {}
        objects["parent"] = "Who is the parent of {subject}?", parent, None
        for up in range(1, config.depth - 1):
            objects[f"branch{up}"] = (
                f"To which branch of level {up} does {{subject}} belong?",
                np.where(level == up, entity, lineage[:, up]),
                None,
            )
        for i in range(b):
            child = b * entity + 1 + i
            objects[f"child{i + 1}"] = f"Who is child {i + 1} of {{subject}}?", np.where(child < n, child, ABSENT), None
        for name, by, back, said in SIDEWAYS[:1] if b == 2 else SIDEWAYS:
            sibling = np.where(entity > 0, b * parent + 1 + (which + by) % b, ABSENT)
            objects[name] = f"Which sibling comes {said} {{subject}}?", sibling, name if b == 2 else back

        objects["house"] = "Of whose house is {subject}?", _listed(within), "member"
        objects["member"] = "Who is of the house of {subject}?", _listed(within.T), "house"
        most = max(reached.shape[1] if reached.ndim > 1 else 1 for _, reached, _ in objects.values())
        truths = np.full((n, len(objects), most), ABSENT)
        for r, (_, reached, _) in enumerate(objects.values()):
            each = reached.reshape(n, -1)
            truths[:, r, : each.shape[1]] = each

        branch = np.where(level == 1, entity, lineage[:, 1])
        share = _middle_of_leaves(b, config.depth)
        angle = 2 * np.pi * share
        radius = level / config.depth
        along = np.where(branch > 0, branch - 1 + level / (config.depth + 1), 0.0)
        whole = Group(
            name="tree",
            title="the tree",
            shape="tree",
            scale="branches",
            coordinates=np.column_stack([radius * np.sin(angle), radius * np.cos(angle)]),
            color=along / b,  # a branch has its part of the scale, deeper entities come later in it
            edges=np.column_stack([parent[1:], entity[1:]]),
            branch=np.where(branch > 0, branch - 1, -1),
        )
        names = ["root"]
        for x in range(1, n):
            names.append(f"{names[parent[x]]}.{which[x] + 1}" if parent[x] else str(which[x] + 1))
        return cls(
            config,
            names,
            [whole],
            [Relation(i, name, 0, said, back) for i, (name, (said, _, back)) in enumerate(objects.items())],
            truths,
            [
                Rule("siblings have the same parent", ("parent", "sibling")),
                Rule("children are of the branches that their parent is of", ("parent", "child", "branch")),
                Rule("members of a house are those that are of it", ("house", "member")),
                Rule("a child is the sibling of the one before it", ("child", "sibling")),
                Rule("the sibling before undoes the sibling after", ("sibling",)),
            ],
        )


def _lineage(parent: IntArray, depth: int) -> tuple[IntArray, IntArray]:
    """(n,) levels, and (n, depth + 1) the ancestor at each level above an entity's own."""
    n = len(parent)
    level, lineage = np.zeros(n, dtype=np.int64), np.full((n, depth + 1), ABSENT)
    for x in range(1, n):
        level[x] = level[parent[x]] + 1
        lineage[x] = lineage[parent[x]]
        lineage[x, level[parent[x]]] = parent[x]
    return level, lineage


def _listed(holds: BoolArray) -> IntArray:
    """(n, most) columns that hold in each row of (n, n), first and in order, then `ABSENT`."""
    columns, counts = able_first(holds)
    most = int(counts.max())
    return np.where(np.arange(most) < counts[:, None], columns[:, :most], ABSENT)


def _middle_of_leaves(b: int, depth: int) -> FloatArray:
    """(n,) of an entity's leaves the middle, as a share of the way round: leaves are evenly spaced."""
    return np.concatenate([(np.arange(b**level) + 0.5) / b**level for level in range(depth + 1)])
