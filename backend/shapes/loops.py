"""Loops and gaps of a cloud of points, whatever their order: persistent homology of its landmarks.

Balls around the landmarks grow. Two that meet become one piece (H0); a loop (H1) is born when balls close round a hole, and dies when they
have filled it (Edelsbrunner, Letscher & Zomorodian 2002; the Vietoris-Rips complex, by gudhi). A ring has one loop that lives
long and no second one; two loops that touch have two alike; of a shapeless cloud all are short.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist

from shatterscope.backend.geometry.checks import FloatArray, IntArray, as_points
from shatterscope.backend.shapes.chance import Measured, measured

# As many as tell a ring with a stub from two loops (`shape.py` was judged against pictures with these), and few enough for a millisecond or two.
LANDMARKS = 64
# A torus is a surface: with fewer its smaller loop is lost.
SURFACE_LANDMARKS = 128
# Larger than in each of 19 shapeless clouds: less than one chance in twenty (a Monte Carlo test, Besag & Diggle 1977).
SHAPELESS_CLOUDS = 19


@dataclass(frozen=True)
class Loops:
    """What the landmarks of a cloud are joined to. Lengths are shares of the largest distance between landmarks, `size`.

    Attributes:
        size: in the cloud's own unit.
        born: when the loop that lives longest is closed; 0 without any loop.
        lives: from then until it is filled: how wide its hole is. About 0.8 for a circle.
        gap: (l1 - l2) / l1 of the two longest lives: 1 for a single loop, 0 for two alike or none.
        length: of the longest way through the minimum spanning tree: 1 for a straight line, 3.14 for a circle.
        path: that way as a share of the tree: 1 for a line or a ring, less the more it branches.
        pieces: clusters of at least a twentieth of the points that stand apart by a tenth of the size and by four times the landmarks' usual
            distance.
    """

    size: float
    born: float
    lives: float
    gap: float
    length: float
    path: float
    pieces: int


def loops(points: FloatArray) -> Loops:
    """Of (n, k) points, n >= 4, not all alike."""
    chosen = landmarks(points)
    distances = cdist(points[chosen], points[chosen])
    size = float(distances.max())
    born, lives, gap = _longest_loop(distances / size)
    tree = minimum_spanning_tree(distances / size).toarray()
    longest_way = float(shortest_path(tree, directed=False).max())
    return Loops(size, born, lives, gap, longest_way, longest_way / float(tree.sum()), _pieces(points, chosen, tree))


def gap_by_chance(n: int, dimensions: int) -> float:
    """The largest `gap` among shapeless (normally distributed) clouds of as many landmarks as n points have. Always the same clouds."""
    return float(max(_shapeless_gaps(min(n, LANDMARKS), dimensions, 1)))


def loop_gap(points: ArrayLike, classes: int = 1) -> Measured:
    """The gap behind the c longest-lived loops, (l_c - l_(c+1)) / l_1: 1 where there are c alike and no more (c classes of H1).

    No label takes part, so chance is that of shapeless clouds, of which none in 19 has more than `chance_95`.

    Args:
        points: (n, d), of which `LANDMARKS` are looked at, or `SURFACE_LANDMARKS` for two classes.
        classes: 1 for a ring, 2 for a torus.

    Raises:
        ValueError: NaN, infinities, or fewer than two points.
    """
    array = as_points(points)
    most = LANDMARKS if classes == 1 else SURFACE_LANDMARKS
    chosen = array[landmarks(array, most)]
    lives = _loops(cdist(chosen, chosen))[1] if len(chosen) > 3 else np.zeros(0)
    return measured(_gap(lives, classes), _shapeless_gaps(min(len(array), most), array.shape[1], classes))


@lru_cache(maxsize=32)
def _shapeless_gaps(n: int, dimensions: int, classes: int) -> tuple[float, ...]:
    random = np.random.default_rng(0)
    clouds = (random.standard_normal((n, dimensions)) for _ in range(SHAPELESS_CLOUDS))
    return tuple(_gap(_loops(cdist(cloud, cloud))[1], classes) for cloud in clouds)


def landmarks(points: FloatArray, most: int = LANDMARKS) -> IntArray:
    """Indices of at most `most` points, each as far from those before it as it can be; the first is farthest from the centre."""
    nearest, last = np.full(len(points), np.inf), int(_squares(points - points.mean(axis=0)).argmax())
    chosen: list[int] = []
    while len(chosen) < most and nearest[last] > 0:  # at 0 every other point lies on a landmark
        chosen.append(last)
        np.minimum(nearest, _squares(points - points[last]), out=nearest)
        last = int(nearest.argmax())
    return np.array(chosen)


def _squares(offset: FloatArray) -> FloatArray:
    found: FloatArray = np.einsum("ij,ij->i", offset, offset)
    return found


def _pieces(points: FloatArray, chosen: IntArray, tree: FloatArray) -> int:
    lengths = tree[tree > 0]
    apart = max(0.1, 4 * float(np.median(lengths)))
    _, cluster = connected_components(np.where(tree <= apart, tree, 0), directed=False)
    members = np.bincount(cluster[cdist(points, points[chosen]).argmin(axis=1)])
    return int((members >= max(3, len(points) / 20)).sum())


def _longest_loop(distances: FloatArray) -> tuple[float, float, float]:
    born, lives = _loops(distances)
    return (float(born[0]), float(lives[0]), _gap(lives, 1)) if len(lives) else (0.0, 0.0, 0.0)


def _gap(lives: FloatArray, classes: int) -> float:
    """(l_c - l_(c+1)) / l_1 of lives in descending order. Against the longest, or a speck behind nothing at all would count."""
    if len(lives) < classes:
        return 0.0
    following = lives[classes] if len(lives) > classes else 0.0
    return float((lives[classes - 1] - following) / lives[0])


def _loops(distances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Births and lives of all loops, the longest-lived first."""
    # Here and not above: it brings scikit-learn, a second of every start, and few processes look at shapes.
    from gudhi.sklearn.rips_persistence import RipsPersistence

    rips = RipsPersistence(1, input_type="full distance matrix", num_collapses=0, homology_coeff_field=2)
    (found,) = rips.fit_transform([distances])
    lives = found[:, 1] - found[:, 0]
    order = np.argsort(-lives, kind="stable")
    return found[order, 0], lives[order]
