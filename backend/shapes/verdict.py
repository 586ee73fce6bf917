"""Is it still one? One word for a kind of shape, from statistics held against chance.

A ring is judged by its picture (`shape.py`): six words. Every other kind is judged by two questions. Do neighbours in the world stand together
here? Has the whole its form? Both yes: it is still one. Neighbours alone: `bent`. Less, but more than chance gives: `frayed`. Else `none`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import FloatArray, as_points
from shatterscope.backend.shapes.chance import Measured
from shatterscope.backend.shapes.layout import Layout
from shatterscope.backend.shapes.shape import shape
from shatterscope.backend.shapes.statistics import STATISTICS, Kind, given, measure

# Bounds are on the lift: 0 at chance, 1 at best. They were set by looking at drawn figures, from clean to shuffled, which
# `tests/test_shapes_verdict.py` holds against them. A drawn tree cannot keep all distances, in two dimensions or in many; so its bound is low.
NEIGHBORS = 0.5
FORM: dict[Kind, dict[str, float]] = {
    "chain": {"order": 0.8},
    "tree": {"distances": 0.35},
    "grid": {"procrustes": 0.75},
    "torus": {"probe": 0.6, "two_loops": 0.2},
    "clusters": {"branches": 0.5},
    "graph": {"distances": 0.35},
}
# Of anything that labels take part in: less is no order that a person would see.
LEFT = 0.2

WORDS: dict[str, tuple[str, str]] = {
    "ring": ("A ring", "One closed loop that does not touch itself."),
    "line": ("A line", "No loop: the curve is open, or pressed flat."),
    "knot": ("A knot", "The curve crosses itself, or lies on itself."),
    "pieces": ("In pieces", "The picture has come apart."),
    "point": ("A point", "All entities have the same representation."),
    "chain": ("A chain", "Neighbours stand together, and the way along the points keeps the order."),
    "tree": ("A tree", "Neighbours stand together, and what is far apart in the tree is far apart here."),
    "grid": ("A grid", "Neighbours stand together, and the points lie as on the grid."),
    "torus": ("A torus", "Neighbours stand together, and the surface closes both ways round."),
    "clusters": ("Separate groups", "Each group stands apart from the others."),
    "graph": ("In order", "Neighbours stand together, and what is far apart in the world is far apart here."),
    "bent": ("Bent", "Neighbours still stand together, but the whole is bent, folded, cut or closed up."),
    "frayed": ("Frayed", "Some of the order is left, but what belongs together is mixed with what does not."),
    "none": ("No shape", "No clear shape: hardly more order than among shuffled points."),
}


@dataclass(frozen=True)
class Judgement:
    """A word, and what it rests on.

    Attributes:
        word: the kind itself where it is still one; `bent`, `frayed`, `point` or `none` where not. Of a ring: the verdict of `shape.py`.
        title: the word for a page.
        sentence: what it means, for a layman.
        statistics: by name (`statistics.py`).
    """

    word: str
    title: str
    sentence: str
    statistics: Mapping[str, Measured]


def verdict(kind: Kind, points: ArrayLike, layout: Layout, *, pieces: int | None = None) -> Judgement:
    """Whether points still have the shape of their world. Turning, mirroring, shifting and scaling them changes nothing.

    Args:
        kind: what they should be.
        points: (n, d), d >= 2 for a ring: a picture, or the representations.
        layout: of the same n entities. Statistics that do not decide are left out where it lacks their fields.
        pieces: of the neighbour graph behind a picture of a ring, where there is one.

    Raises:
        ValueError: an unknown kind, NaN or infinities, another number of points than the layout's, or a layout without what the verdict needs.
    """
    array = as_points(points)
    if len(array) != layout.n:
        raise ValueError(f"points must have a row for each of the layout's {layout.n} entities, got {len(array)}")
    needed = {"neighbors", *FORM.get(kind, ())} if kind != "ring" else set()
    found = measure(kind, array, layout, needed)
    if kind == "ring":
        word: str = shape(array, given(layout.order, "order"), pieces=pieces).verdict
    else:
        word = "point" if _alike(array) else _word(kind, found)
    return Judgement(word, *WORDS[word], found)


def _word(kind: Kind, found: Mapping[str, Measured]) -> str:
    form = all(_reaches(found[name], least) for name, least in FORM[kind].items())
    together = "neighbors" in found and _reaches(found["neighbors"], NEIGHBORS)
    if form and (together or "neighbors" not in found):  # groups have none
        return kind
    if together:
        return "bent"
    # What no label takes part in is as large among shuffled points.
    labelled = [each for name, each in found.items() if STATISTICS[name].needs]
    return "frayed" if any(_reaches(each, LEFT) for each in labelled) else "none"


def _reaches(statistic: Measured, lift: float) -> bool:
    return statistic.beats_chance and statistic.lift >= lift


def _alike(points: FloatArray) -> bool:
    extent = float(np.abs(points - points.mean(axis=0)).max())
    return extent <= 1e-9 * float(np.abs(points).max())
