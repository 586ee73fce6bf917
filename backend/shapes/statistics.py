"""Every statistic by name, in words, and which of them fit a kind of shape. All are 1 at best, and higher is better."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from numpy.typing import ArrayLike

from shatterscope.backend.shapes.branches import silhouette
from shatterscope.backend.shapes.chance import Measured
from shatterscope.backend.shapes.changes import linear_cka, neighbor_overlap, trustworthiness
from shatterscope.backend.shapes.distances import order_correlation, rank_correlation
from shatterscope.backend.shapes.fits import fourier_share, probe, procrustes_share
from shatterscope.backend.shapes.layout import Layout
from shatterscope.backend.shapes.loops import loop_gap
from shatterscope.backend.shapes.neighborhoods import neighbor_share

Kind = Literal["ring", "chain", "tree", "grid", "torus", "clusters", "graph"]
Need = Literal["steps", "order", "branches", "coordinates"]
T = TypeVar("T")


@dataclass(frozen=True)
class Statistic:
    """A number about points and their layout.

    Attributes:
        title: its name on a page, in plain words.
        term: the field's name for it.
        sentence: what it says, for a layman.
        measure: the function of (points, layout).
        needs: the fields of `Layout` that it reads.
        quick: under 50 ms for 2048 points in 24 dimensions on one core, so it can follow a slider.
    """

    title: str
    term: str
    sentence: str
    measure: Callable[[ArrayLike, Layout], Measured]
    needs: tuple[Need, ...] = ()
    quick: bool = True


@dataclass(frozen=True)
class ComparedStatistic:
    """A number about points before and after an edit; no layout takes part. The fields are those of `Statistic`."""

    title: str
    term: str
    sentence: str
    measure: Callable[[ArrayLike, ArrayLike], Measured]
    quick: bool = True


STATISTICS: dict[str, Statistic] = {
    "neighbors": Statistic(
        "Neighbours kept",
        "neighbour share",
        "Of the two nearest neighbours of each entity, the share that are at most two steps away in the world.",
        lambda points, layout: neighbor_share(points, given(layout.steps, "steps")),
        ("steps",),
    ),
    "distances": Statistic(
        "Distances in order",
        "rank correlation of distances",
        "Whether entities that are far apart in the world are also far apart here: the rank correlation of both distances.",
        lambda points, layout: rank_correlation(points, given(layout.steps, "steps")),
        ("steps",),
        quick=False,
    ),
    "order": Statistic(
        "Order along the chain",
        "rank correlation of the order",
        "Whether walking along the points from one end meets the entities in their order.",
        lambda points, layout: order_correlation(points, given(layout.order, "order")),
        ("order",),
    ),
    "branches": Statistic(
        "Branches apart",
        "silhouette",
        "How much nearer each entity is to its own branch than to the next one.",
        lambda points, layout: silhouette(points, given(layout.branches, "branches")),
        ("branches",),
    ),
    "fourier": Statistic(
        "Smooth along the ring",
        "Fourier share",
        "The share of the variance that changes slowly on the way round the ring: at most four waves.",
        lambda points, layout: fourier_share(points, given(layout.order, "order")),
        ("order",),
    ),
    "probe": Statistic(
        "Place can be read off",
        "linear probe, R²",
        "How well a linear map of the representations gives each entity's place in the world.",
        lambda points, layout: probe(points, given(layout.coordinates, "coordinates")),
        ("coordinates",),
    ),
    "procrustes": Statistic(
        "Fits the layout",
        "Procrustes fit",
        "How well the points lie on the world's own picture, when turned, mirrored, shifted and scaled.",
        lambda points, layout: procrustes_share(points, given(layout.coordinates, "coordinates")),
        ("coordinates",),
    ),
    "loop": Statistic(
        "One loop",
        "H1 gap",
        "How much the longest-lived loop of the points outlives the next: 1 for a single hole.",
        lambda points, _: loop_gap(points),
    ),
    "two_loops": Statistic(
        "Two loops",
        "H1 gap behind two loops",
        "How much the second longest-lived loop outlives the third: 1 for a torus, with one loop each way round.",
        lambda points, _: loop_gap(points, classes=2),
    ),
}

COMPARISONS: dict[str, ComparedStatistic] = {
    "cka": ComparedStatistic(
        "Same representation",
        "linear CKA",
        "How alike the representations are before and after, however they are turned, shifted or scaled.",
        linear_cka,
    ),
    "overlap": ComparedStatistic(
        "Same neighbours",
        "neighbourhood overlap",
        "Of each entity's ten nearest neighbours before the edit, the share that are still among its ten nearest.",
        neighbor_overlap,
        quick=False,
    ),
    "trustworthiness": ComparedStatistic(
        "No strangers near",
        "trustworthiness",
        "Whether the nearest neighbours after the edit were near before it, too.",
        trustworthiness,
        quick=False,
    ),
}

_FIT: dict[Kind, tuple[str, ...]] = {
    "ring": ("loop", "probe", "neighbors", "fourier"),
    "chain": ("neighbors", "order"),
    "tree": ("neighbors", "distances", "branches"),
    "grid": ("neighbors", "procrustes", "probe"),
    "torus": ("neighbors", "two_loops", "probe"),
    "clusters": ("branches",),
    "graph": ("neighbors", "distances"),
}


def for_kind(kind: Kind) -> tuple[str, ...]:
    """Names of the statistics that fit a kind of shape. Raises `ValueError` for an unknown kind."""
    if kind not in _FIT:
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    return _FIT[kind]


def followed(kind: Kind) -> tuple[str, ...]:
    """Names of the two, or the one, that follow the strength slider: the first of `for_kind` that are quick. Of a ring of 2048 in three dimensions the
    loop and the probe take 3 ms each, a tenth of what its picture takes."""
    return tuple(name for name in for_kind(kind) if STATISTICS[name].quick)[:2]


def measure(kind: Kind, points: ArrayLike, layout: Layout, needed: Collection[str] = ()) -> dict[str, Measured]:
    """The statistics that fit a kind, of (n, d) points. Those are left out whose fields the layout lacks, unless they are `needed`: then `ValueError`."""

    def served(name: str) -> bool:
        return name in needed or all(getattr(layout, need) is not None for need in STATISTICS[name].needs)

    return {name: STATISTICS[name].measure(points, layout) for name in for_kind(kind) if served(name)}


def given(field: T | None, name: Need) -> T:
    """A field of a layout. Raises `ValueError` where the layout lacks it."""
    if field is None:
        raise ValueError(f"the layout has no {name}: give them, or ask for another kind or statistic")
    return field
