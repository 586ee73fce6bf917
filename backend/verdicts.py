"""Is it still a ring, a tree, a grid? What a verdict rests on: every statistic that fits the world, before and after an edit, each against chance.

The statistics are of the pictures, as the verdict is. Whether the representations behind them are still the same, whatever their shape, CKA says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from shatterscope.backend.shapes import COMPARISONS, Kind, Layout, Measured, followed, measure
from shatterscope.backend.shapes.statistics import STATISTICS

CKA = COMPARISONS["cka"]


@dataclass(frozen=True)
class Side:
    """Of the points before an edit, or after it.

    Attributes:
        statistics: of the picture, by name (`shapes.statistics`); none where there is too little to judge.
        cka: with the representations before; 1 of these themselves.
    """

    statistics: Mapping[str, Measured]
    cka: Measured


def side(kind: Kind, layout: Layout, picture: ArrayLike, before: ArrayLike, points: ArrayLike) -> Side:
    """Judge one side.

    Args:
        picture: (n, 2 or 3), of `points`.
        before: (n, d), the unedited representations.
        points: (n, d), those of this side.

    Raises:
        ValueError: NaN, infinities, or fewer than two points.
    """
    return Side({} if layout.bare else measure(kind, picture, layout), CKA.measure(before, points))


def on_the_way(kind: Kind, layout: Layout, picture: ArrayLike) -> dict[str, float]:
    """The statistics that follow the strength slider, by name."""
    names = () if layout.bare else followed(kind)
    return {name: STATISTICS[name].measure(picture, layout).value for name in names}
