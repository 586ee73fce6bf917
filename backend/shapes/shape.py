"""What a picture shows, as a person would say it: a ring, a line, a knot, pieces.

No one number tells. A stick goes round its centre once when its points are visited in ring order, a tangle often does by accident, two loops
that touch are as round as one. So a ring has to pass every test: it is one piece; it goes round once; it is round; it has one
loop (H1), closed, and with a gap to the next that no shapeless cloud has; and no part of it lies on another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist

from shatterscope.backend.geometry.checks import FloatArray, as_points, as_positions
from shatterscope.backend.geometry.residual import sample_rows
from shatterscope.backend.shapes.loops import Loops, gap_by_chance, loops
from shatterscope.backend.shapes.ring import winding_number

Verdict = Literal["ring", "line", "knot", "pieces", "point", "none"]

# Fewer are no picture of anything: the sides of a heptagon are more than half as long as what fills its hole (`CLOSED`), and a shapeless cloud of 7 points
# has one loop and no second, so that its gap, too, is 1.
FEWEST_POINTS = 8
# The bounds were set by looking: `tests/test_shapes_shape.py` holds them against drawn figures and against what was said of trained models'
# pictures. The statistics leave wide gaps around them.
ROUND = 0.2  # the shorter axis of a ring, as a share of the longer
WIDE = 0.2  # the hole of a ring, as a share of the picture
CLOSED = 0.5  # a ring's loop is closed when balls are half as large as fill it
ALONE = 0.6  # the least gap between a ring's loop and the next
STICK = 0.15  # the axes of a line, the shorter as a share of the longer
UNBRANCHED = 0.65  # a bent line: share of the minimum spanning tree that is on the longest way through it, which is
COILED = 3.0  # not as long as a circle of its size (3.14)
NEAR, FAR = 0.05, 1 / 8  # as a share of the size; as a share of the way round the ring
TOUCHES, FREE = (
    0.05,
    0.15,
)  # share of points that lie on another part: a knot has more than the first, a ring at most the second
STRETCHES = 128
FOLLOWS = 0.5  # the step from one ring neighbour to the next as a share of the mean distance (1 for points in no order)


@dataclass(frozen=True)
class Shape:
    """A verdict, and what it rests on.

    Attributes:
        verdict: `ring`, closed and clean; `line`, straight or bent, also a ring pressed flat; `knot`, a curve that crosses itself or lies on
            itself; `pieces`, what has come apart; `point`, where all points are alike; `none`, no clear shape.
        pieces: how many.
        winding: turns round the centre in the plane of the two principal axes (`ring.py`). Of shuffled points many have 1 as well.
        roundness: the second principal axis as a share of the first.
        overlap: share of points that lie within a twentieth of the picture of a point more than an eighth of the ring away.
        crossings: of the curve with parts of itself more than an eighth of the ring away, in the plane of the principal axes.
        step: mean distance of ring neighbours as a share of the mean distance of any two points: 1 by chance.
        loop: life of the longest-lived loop as a share of the picture; 0.8 for a circle (`loops.py`).
        gap: of the two longest-lived loops.
        gap_by_chance: the largest of 19 shapeless clouds.
    """

    verdict: Verdict
    pieces: int
    winding: int
    roundness: float
    overlap: float
    crossings: int
    step: float
    loop: float
    gap: float
    gap_by_chance: float


def shape(points: ArrayLike, positions: ArrayLike, *, pieces: int | None = None, chance: float | None = None) -> Shape:
    """What a picture shows. Turning, mirroring, shifting and scaling it changes nothing.

    Args:
        points: (n, 2 or 3), the picture.
        positions: (n,) ring positions, a permutation of 0..n-1.
        pieces: that the neighbour graph behind the picture has fallen into; None where there is none. Apart from these, the picture itself
            is looked at.
        chance: `gap_by_chance` of such a picture, where it is known already.

    Raises:
        ValueError: NaN, infinities, fewer than two points or axes, or positions that are no permutation.
    """
    array = as_points(points)
    ring = as_positions(positions, len(array))
    if array.shape[1] < 2:
        raise ValueError("points need two coordinates to have a shape")
    chance = gap_by_chance(*array.shape) if chance is None else chance
    curve = array[np.argsort(ring)]
    curve = curve - curve.mean(axis=0)
    extent = float(np.abs(curve).max())
    alike = extent <= 1e-9 * float(np.abs(array).max())
    if alike or len(curve) < FEWEST_POINTS:
        return Shape("point" if alike else "none", max(pieces or 1, 1), 0, 0, 0, 0, 0, 0, 0, chance)
    _, extents, axes = np.linalg.svd(curve, full_matrices=False)
    axes[1] *= np.sign(np.linalg.det(axes[:2, :2])) or 1  # the plane is seen from where the first two coordinates are
    curve = curve @ axes.T
    found = loops(curve)
    measured = Shape(
        verdict="none",
        pieces=max(pieces or 1, found.pieces),
        winding=winding_number(curve, np.arange(len(curve))),
        roundness=float(extents[1] / extents[0]),
        overlap=_overlap(curve, found.size),
        crossings=_crossings(curve),
        step=_step(curve),
        loop=found.lives,
        gap=found.gap,
        gap_by_chance=chance,
    )
    return replace(measured, verdict=_verdict(measured, found))


def _verdict(it: Shape, found: Loops) -> Verdict:
    closed = found.born <= CLOSED * (found.born + found.lives)
    if it.pieces > 1:
        return "pieces"
    if it.step > FOLLOWS:
        return "none"
    bent = found.path >= UNBRANCHED and found.length <= COILED and not (closed and it.loop >= WIDE)
    if it.roundness <= STICK or bent:
        return "line"
    once = abs(it.winding) == 1 and it.roundness >= ROUND and it.overlap <= FREE
    if once and closed and it.loop >= WIDE and it.gap >= max(ALONE, it.gap_by_chance):
        return "ring"
    return "knot" if it.crossings or it.overlap >= TOUCHES or abs(it.winding) > 1 else "none"


def _overlap(curve: FloatArray, size: float) -> float:
    """Of points evenly spaced along the ring."""
    n, rows = len(curve), sample_rows(len(curve))
    apart = np.abs(rows[:, None] - np.arange(n))
    away = np.minimum(apart, n - apart) > FAR * n
    return float((away & (cdist(curve[rows], curve) <= NEAR * size)).any(axis=1).mean())


def _crossings(curve: FloatArray) -> int:
    """Counted on at most `STRETCHES` stretches of the ring, each drawn as the mean of its points: noise does not cross itself."""
    stretches = np.array_split(curve[:, :2], min(len(curve), STRETCHES))
    start = np.stack([stretch.mean(axis=0) for stretch in stretches])
    end = np.roll(start, -1, axis=0)
    along = end - start

    def side(points: FloatArray) -> NDArray[np.bool_]:
        """[i, j]: whether point j is on the left of stretch i."""
        offset = points[None] - start[:, None]
        left: NDArray[np.bool_] = along[:, :1] * offset[..., 1] > along[:, 1:] * offset[..., 0]
        return left

    apart = side(start) != side(end)
    i, j = np.nonzero(np.triu(apart & apart.T))
    away = np.minimum(j - i, len(start) - (j - i)) > FAR * len(start)
    return int(away.sum())


def _step(curve: FloatArray) -> float:
    steps = np.linalg.norm(curve - np.roll(curve, 1, axis=0), axis=1)
    return float(steps.mean() / pdist(curve[sample_rows(len(curve))]).mean())
