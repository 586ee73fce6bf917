"""Pictures of representations before and after an edit, and how far to trust them.

    before = fit(representations, positions, method="isomap", dimensions=3)   # once per relation and site
    picture = compare(before, edited_representations, align="procrustes")     # once per edit

The same number of neighbours serves before and after. A method is a function from points to a `FittedMap`; a new one
is a file and a line in `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import orthogonal_procrustes

from shatterscope.backend.geometry.alignment import procrustes
from shatterscope.backend.geometry.checks import Float32Array, FloatArray, IntArray, as_points, as_positions
from shatterscope.backend.geometry.isomap import fit_isomap
from shatterscope.backend.geometry.pca import fit_pca
from shatterscope.backend.geometry.residual import KeptDistances
from shatterscope.backend.shapes.layout import Layout
from shatterscope.backend.shapes.ring import ring_neighbor_share
from shatterscope.backend.shapes.shape import FEWEST_POINTS, Shape, shape
from shatterscope.backend.shapes.statistics import Kind
from shatterscope.backend.shapes.verdict import Judgement, verdict

Align = Literal["none", "procrustes", "shared"]
Neighbors = int | Literal["auto"]


class FittedMap(Protocol):
    """What a method hands back."""

    @property
    def embedding(self) -> FloatArray: ...  # (n, dimensions)
    @property
    def n_neighbors(self) -> int | None: ...
    @property
    def n_components(self) -> int | None: ...
    @property
    def kept(self) -> KeptDistances: ...
    @property
    def residual_variance(self) -> float: ...
    def transform(self, points: ArrayLike) -> FloatArray: ...  # (m, d) -> (m, dimensions)


TOO_FEW = Judgement(
    "unjudged", "Not judged", f"Fewer than {FEWEST_POINTS} entities: too few to judge whether they lie on a ring.", {}
)
UNJUDGED = Judgement("unjudged", "Not judged", "Too few of its entities are neighbours to judge its shape.", {})

STILL = 0.1  # of the distance between ring neighbours: who moved by less stands where it was
FEW = 1 / 32  # of the points

METHODS: dict[str, Callable[[FloatArray, int, Neighbors], FittedMap]] = {
    "isomap": fit_isomap,
    "pca": lambda points, dimensions, _: fit_pca(points, dimensions),
}


@dataclass(frozen=True)
class Turned:
    """A map whose picture stands as the world's own does: turned and mirrored by `turn`, (dimensions, dimensions), about the origin."""

    map: FittedMap
    turn: FloatArray

    @cached_property
    def embedding(self) -> FloatArray:
        return self.map.embedding @ self.turn

    @property
    def n_neighbors(self) -> int | None:
        return self.map.n_neighbors

    @property
    def n_components(self) -> int | None:
        return self.map.n_components

    @property
    def kept(self) -> KeptDistances:
        return self.map.kept

    @property
    def residual_variance(self) -> float:
        return self.map.residual_variance

    def transform(self, points: ArrayLike) -> FloatArray:
        return self.map.transform(points) @ self.turn


def _mapped(
    points: FloatArray, method: str, dimensions: int, n_neighbors: Neighbors, belongs: tuple[Kind, Layout] | None
) -> FittedMap:
    """A map says how points lie, but not which way up. So the periodic table has hydrogen where people look for it."""
    fitted = METHODS[method](points, dimensions, n_neighbors)
    places = belongs[1].coordinates if belongs is not None else None
    if places is None or places.shape[1] > dimensions:
        return fitted
    onto = np.pad(places - places.mean(axis=0), ((0, 0), (0, dimensions - places.shape[1])))
    turn, _ = orthogonal_procrustes(fitted.embedding, onto)
    return Turned(fitted, turn)


@dataclass(frozen=True)
class Diagnostics:
    """What a picture shows, and how far to trust it; the fields of the wire model of the same name.

    Attributes:
        residual_variance: 1 - r^2 between the distances to be kept and those of the picture shown, over a fixed sample
            of pairs (`residual.py`).
        graph_components: components of the points' own neighbour graph before stitching; None for PCA.
        n_neighbors: None for PCA.
        ring_neighbor_share: of each point's two nearest neighbours in the full space, within 2 ring steps.
        winding: turns of the picture shown; the same as in its shape.
        shape: of the picture shown, as a ring; in pieces where the points' own neighbour graph is.
        judgement: of the picture shown, where the points belong to another shape than a ring, or are too few to be one.
    """

    residual_variance: float
    graph_components: int | None
    n_neighbors: int | None
    ring_neighbor_share: float
    winding: int
    shape: Shape
    judgement: Judgement | None = None

    @property
    def word(self) -> str:
        """What the picture shows (`shapes/verdict.py`)."""
        return self.shape.verdict if self.judgement is None else self.judgement.word


@dataclass(frozen=True)
class Fit:
    """Points with their map and diagnostics: what can be kept and compared with many edits.

    Attributes:
        points: (n, d).
        positions: (n,) ring positions.
        method: its name.
        map: the fitted map.
        diagnostics: of the map.
        belongs: the kind of shape that the points should have, and how they stand in it; None for a ring.
    """

    points: FloatArray
    positions: IntArray
    method: str
    map: FittedMap
    diagnostics: Diagnostics
    belongs: tuple[Kind, Layout] | None = None

    @property
    def dimensions(self) -> int:
        return int(self.map.embedding.shape[1])


@dataclass(frozen=True)
class Unmoved:
    """The points that an edit has left where they were: what they show without those `moved`, a few."""

    moved: int
    shape: Shape


@dataclass(frozen=True)
class Projection:
    """Two pictures, (n, dimensions) each, point i of one being point i of the other, with their diagnostics. `unmoved`: where a few points moved and
    the picture no longer shows what it did."""

    before: Float32Array
    after: Float32Array
    diagnostics_before: Diagnostics
    diagnostics_after: Diagnostics
    unmoved: Unmoved | None = None


def fit(
    points: ArrayLike,
    positions: ArrayLike,
    *,
    method: str = "isomap",
    dimensions: int = 3,
    n_neighbors: Neighbors = "auto",
    chance: float | None = None,
    belongs: tuple[Kind, Layout] | None = None,
) -> Fit:
    """Map points to 2 or 3 dimensions.

    Args:
        points: (n, d), n >= 2.
        positions: (n,) ring positions, a permutation of 0..n-1; of another shape the places in some order.
        method: one of `METHODS`.
        dimensions: 2 or 3.
        n_neighbors: an integer from 1 (cut to n - 1), or `auto` (`automatic_n_neighbors`). PCA has none.
        chance: `gap_by_chance` of so many points and dimensions, where it is known already.
        belongs: kind and layout of another shape than a ring.

    Raises:
        ValueError: any of these not as said, or NaN or infinities among the points.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if dimensions not in (2, 3):
        raise ValueError(f"dimensions must be 2 or 3, got {dimensions}")
    array = as_points(points)
    ring = as_positions(positions, len(array))
    fitted = _mapped(array, method, dimensions, n_neighbors, belongs)
    seen = shape(fitted.embedding, ring, pieces=fitted.n_components, chance=chance)
    diagnostics = Diagnostics(
        residual_variance=fitted.residual_variance,
        graph_components=fitted.n_components,
        n_neighbors=fitted.n_neighbors,
        ring_neighbor_share=ring_neighbor_share(array, ring),
        winding=seen.winding,
        shape=seen,
        judgement=_judged(fitted.embedding, belongs),
    )
    return Fit(array, ring, method, fitted, diagnostics, belongs)


def _judged(shown: FloatArray, belongs: tuple[Kind, Layout] | None) -> Judgement | None:
    if belongs is None:
        return None if len(shown) >= FEWEST_POINTS else TOO_FEW
    kind, layout = belongs
    return UNJUDGED if layout.bare else verdict(kind, shown, layout)


def compare(before: Fit, after: ArrayLike, *, align: Align = "procrustes") -> Projection:
    """The picture of edited representations beside a fitted one.

    Args:
        before: the unedited representations, fitted.
        after: (n, d), the edited ones, row i the same entity.
        align: `none`: mapped on its own (as in the paper). `procrustes`: mapped on its own, then turned and shifted onto
            before, never scaled. `shared`: placed in the map of before (PCA's axes frozen; for Isomap, by the
            distances to the unedited points).

    Raises:
        ValueError: an unknown alignment, another shape than before's, or NaN or infinities.
    """
    array = _edited(before, after, align)
    picture = before.map.embedding.astype(np.float32)
    if np.array_equal(array, before.points):  # no edit, or strength 0: identical whatever the alignment
        return Projection(picture, picture.copy(), before.diagnostics, before.diagnostics)
    own = fit(
        array,
        before.positions,
        method=before.method,
        dimensions=before.dimensions,
        n_neighbors=before.map.n_neighbors or "auto",
        chance=before.diagnostics.shape.gap_by_chance,
        belongs=before.belongs,
    )
    shown, diagnostics = own.map.embedding, own.diagnostics
    unmoved = None if align == "shared" else _unmoved(before, own)
    if align == "procrustes":
        shown = procrustes(shown, before.map.embedding)
    elif align == "shared":
        shown = before.map.transform(array)
        kept, chance = own.map.kept.residual_variance(shown), diagnostics.shape.gap_by_chance
        seen = shape(shown, before.positions, pieces=own.map.n_components, chance=chance)
        judged = _judged(shown, before.belongs)
        diagnostics = replace(diagnostics, residual_variance=kept, winding=seen.winding, shape=seen, judgement=judged)
    return Projection(picture, shown.astype(np.float32), before.diagnostics, diagnostics, unmoved)


def _unmoved(before: Fit, after: Fit) -> Unmoved | None:
    """A graph of nearest neighbours can hang on a single point: then one that moves changes the picture of all. None where that is not so: the
    picture shows what it did, more than a few have moved, or the points belong to another shape than a ring."""
    if before.belongs is not None or before.diagnostics.shape.verdict == after.diagnostics.shape.verdict:
        return None
    points, places = before.points, before.positions
    in_order = points[np.argsort(places)]
    step = float(np.median(np.linalg.norm(in_order - np.roll(in_order, 1, axis=0), axis=1)))
    stays = np.linalg.norm(after.points - points, axis=1) <= STILL * step
    moved = len(points) - int(stays.sum())
    if not 0 < moved <= FEW * len(points):
        return None
    alone = fit(
        after.points[stays],
        np.argsort(np.argsort(places[stays])),
        method=after.method,
        dimensions=after.dimensions,
        n_neighbors=after.map.n_neighbors or "auto",
        chance=before.diagnostics.shape.gap_by_chance,
    )
    return Unmoved(moved, alone.diagnostics.shape)


def picture(before: Fit, after: ArrayLike, *, align: Align = "procrustes") -> Float32Array:
    """The edited points as `compare` draws them, (n, dimensions), in half of its time: nothing is diagnosed.

    Raises:
        ValueError: as `compare`.
    """
    array = _edited(before, after, align)
    if np.array_equal(array, before.points):
        return before.map.embedding.astype(np.float32)
    if align == "shared":
        return before.map.transform(array).astype(np.float32)
    neighbors: Neighbors = before.map.n_neighbors or "auto"
    shown = _mapped(array, before.method, before.dimensions, neighbors, before.belongs).embedding
    return (procrustes(shown, before.map.embedding) if align == "procrustes" else shown).astype(np.float32)


def _edited(before: Fit, after: ArrayLike, align: str) -> FloatArray:
    """`after` as an array. Raises `ValueError` where it cannot be drawn beside `before`, or not so aligned."""
    if align not in get_args(Align):
        raise ValueError(f"align must be one of {', '.join(get_args(Align))}, got {align!r}")
    array = as_points(after, "after")
    if array.shape != before.points.shape:
        raise ValueError(f"after must have the shape of before, {before.points.shape}, got {array.shape}")
    return array


def project(
    before: ArrayLike,
    after: ArrayLike,
    positions: ArrayLike,
    *,
    method: str = "isomap",
    dimensions: int = 3,
    n_neighbors: Neighbors = "auto",
    align: Align = "procrustes",
) -> Projection:
    """`fit` and `compare` in one call: the whole story for a single edit."""
    unedited = fit(before, positions, method=method, dimensions=dimensions, n_neighbors=n_neighbors)
    return compare(unedited, after, align=align)
