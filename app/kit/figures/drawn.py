"""What a picture of a group is of: the entities that its points stand for, how lines join them, and their colours. Knows no points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

GAP = -1  # in a path: the pen is lifted


@dataclass(frozen=True)
class Drawn:
    """
    Attributes:
        entities: (n,), row i of the points stands for entities[i].
        title: of the group, as a sentence says it.
        path: rows as a pen visits them that draws every line once; `GAP` where it is lifted.
        place: (n,), the place of each on a closed ring, which is also its colour; None where the group is no ring.
        colors: (n,), where there is no place.
        names: (n,), where entities have names, not numbers alone.
    """

    entities: IntArray
    title: str
    path: IntArray
    place: IntArray | None = None
    colors: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None

    @property
    def n(self) -> int:
        return len(self.entities)

    def rows_of(self, entities: Sequence[int]) -> list[int | None]:
        """The row of each entity; None for those that are not in the picture."""
        row = {entity: row for row, entity in enumerate(self.entities.tolist())}
        return [row.get(entity) for entity in entities]


def ring(place: IntArray, title: str, entities: IntArray | None = None, names: tuple[str, ...] | None = None) -> Drawn:
    """One closed curve. `place`: (n,), a permutation of 0..n-1; without `entities` row i is entity i."""
    order = np.argsort(place)
    members = np.arange(len(place)) if entities is None else entities
    return Drawn(members, title, np.concatenate([order, order[:1]]), place, names=names)


def joined(
    entities: IntArray, edges: IntArray, colors: tuple[str, ...], title: str, names: tuple[str, ...] | None = None
) -> Drawn:
    """Lines along `edges`, (m, 2) rows."""
    return Drawn(entities, title, trails(len(entities), edges), colors=colors, names=names)


def trails(n: int, edges: IntArray) -> IntArray:
    """All rows 0..n-1 as a pen visits them that goes along every edge once, in few strokes, with `GAP` between these.

    Args:
        n: how many rows.
        edges: (m, 2) rows.
    """
    ways: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for number, (a, b) in reversed(list(enumerate(edges.tolist()))):
        ways[a].append((b, number))
        ways[b].append((a, number))
    gone = np.zeros(len(edges), dtype=np.bool_)

    def next_from(row: int) -> int | None:
        while ways[row]:
            to, number = ways[row].pop()
            if not gone[number]:
                gone[number] = True
                return to
        return None

    # A stroke that begins at an odd number of lines ends at one; those that are left go round.
    alone = [not each for each in ways]
    starts = sorted(range(n), key=lambda row: (len(ways[row]) % 2 == 0, row))
    found: list[int] = []
    for start in starts:
        here = next_from(start)
        while here is not None or alone[start]:
            found.append(start)
            alone[start] = False
            while here is not None:
                found.append(here)
                here = next_from(here)
            found.append(GAP)
            here = next_from(start)
    return np.array(found[:-1], dtype=np.int64)
