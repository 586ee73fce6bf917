"""What each token explains of the paper's numbers, and what neither does: sentences from the tables of a report, none written by hand.

An aspect of the paper's is seen at a token where it holds of one of the presets that edit there. The rules are the same for all runs: a size
counts as the paper's between half and twice of it, a share (r2, how alike the rings are) from three quarters of it on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import get_args

from shatterscope.backend.reproduction import paper
from shatterscope.wire.base import Token
from shatterscope.wire.reproduction import AccuracyCell, Explained, FitInfo, Measure, MethodCell, ShatteringCell, Spread

NEAR, FAR = 1, 4  # the paper's distances of counterfactual edits
TIMES = 2.0  # how far a size may be off
PART = 0.75  # of a share that still counts
FALLS = 0.2  # by how much the share of edits that come to their stop must fall from d = 1 to d = 4

Which = tuple[str, int]
CORRECTIVE: Which = ("corrective", 0)


def farther(distance: int) -> Which:
    return ("counterfactual", distance)


@dataclass(frozen=True)
class Seen:
    """One preset's mean numbers: changes of direct recall, R by ring, shares that came to their stop, by kind of edit."""

    token: Token
    change: Mapping[Which, float]
    R: Mapping[Which, Sequence[float]]
    reached: Mapping[Which, float]
    r2: float | None


@dataclass(frozen=True)
class Aspect:
    """`ours`: a number, None where this run has none; `holds`: whether it is like the paper's; `shown`: the number in words."""

    name: str
    title: str
    paper: float | None
    ours: Callable[[Seen], float | None]
    holds: Callable[[float], bool]
    shown: Callable[[float], str]


def explain(
    accuracy: Sequence[AccuracyCell],
    shattering: Sequence[ShatteringCell],
    methods: Sequence[MethodCell],
    fits: Sequence[FitInfo],
    sites: Sequence[str],
) -> list[Explained]:
    """All aspects by the paper's method, for R read at each site and either measure of accuracy; without those that nothing is known of."""
    found: list[Explained] = []
    for site in sites:
        for measure in get_args(Measure):
            presets = _seen(accuracy, shattering, methods, fits, site, measure)
            found += [each for aspect in ASPECTS if (each := _explained(aspect, presets, site, measure)) is not None]
    return found


def _seen(
    accuracy: Sequence[AccuracyCell],
    shattering: Sequence[ShatteringCell],
    methods: Sequence[MethodCell],
    fits: Sequence[FitInfo],
    site: str,
    measure: Measure,
) -> dict[str, Seen]:
    presets: dict[str, Token] = {each.preset: each.token for each in methods if each.method == paper.METHOD}
    found: dict[str, Seen] = {}
    for preset, token in presets.items():
        mine = [each for each in accuracy if (each.method, each.preset, each.task) == (paper.METHOD, preset, "direct")]
        by: dict[Which, Spread | None] = {
            (each.kind, each.distance): each.change if measure == "argmax" else each.probability for each in mine
        }
        rings: dict[Which, list[float]] = {}
        for cell in shattering:
            if (cell.method, cell.preset, cell.site) == (paper.METHOD, preset, site):
                rings.setdefault((cell.kind, cell.distance), []).append(cell.shattering.mean)
        reached: dict[Which, float] = {
            (each.kind, each.distance): each.reached.mean
            for each in methods
            if (each.method, each.preset) == (paper.METHOD, preset) and each.reached is not None
        }
        fit = next((f for f in fits if (f.method, f.preset, f.site) == (paper.METHOD, preset, site)), None)
        r2 = None if fit is None else fit.r2 if measure == "argmax" else fit.probability.r2
        change: dict[Which, float] = {which: each.mean for which, each in by.items() if each is not None}
        found[preset] = Seen(token, change, rings, reached, r2)
    return found


def _explained(aspect: Aspect, presets: Mapping[str, Seen], site: str, measure: Measure) -> Explained | None:
    ours = {preset: value for preset, each in presets.items() if (value := aspect.ours(each)) is not None}
    if not ours:
        return None
    tokens = [
        token
        for token in get_args(Token)
        if any(presets[p].token == token and aspect.holds(v) for p, v in ours.items())
    ]
    said = [
        ", ".join(
            f"{aspect.shown(value)} with {preset}" for preset, value in ours.items() if presets[preset].token == token
        )
        for token in get_args(Token)
    ]
    numbers = "; ".join(
        f"at the {token}’s token {each}" for token, each in zip(get_args(Token), said, strict=True) if each
    )
    theirs = "" if aspect.paper is None else f"; in the paper {aspect.shown(aspect.paper)}"
    return Explained(
        site=site, measure=measure, aspect=aspect.name, tokens=tokens, title=aspect.title, text=f"{numbers}{theirs}"
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f} points".replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _R(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _size(theirs: float) -> Callable[[float], bool]:
    return lambda ours: ours * theirs > 0 and 1 / TIMES <= ours / theirs <= TIMES


def _share(theirs: float) -> Callable[[float], bool]:
    return lambda ours: ours >= PART * theirs


def _change(which: Which) -> Callable[[Seen], float | None]:
    return lambda seen: seen.change.get(which)


def _more(seen: Seen) -> float | None:
    """By how much more a far edit costs than a near one."""
    near, far = seen.change.get(farther(NEAR)), seen.change.get(farther(FAR))
    return None if near is None or far is None else far - near


def _alike(rings: Sequence[float] | None) -> float | None:
    return min(rings) / max(rings) if rings and max(rings) > 0 else None


def _fall(seen: Seen) -> float | None:
    near, far = seen.reached.get(farther(NEAR)), seen.reached.get(farther(FAR))
    return None if near is None or far is None else near - far


_RINGS = {distance: list(rings.values()) for distance, rings in paper.SHATTERING.items()}
_DIRECT = {which: tasks["direct"] for which, tasks in paper.ACCURACY.items()}
_ALIKE = min(_RINGS[FAR]) / max(_RINGS[FAR])
_MORE = _DIRECT[farther(FAR)] - _DIRECT[farther(NEAR)]

ASPECTS = (
    Aspect(
        "rings",
        f"All three rings break alike (R of the least broken ring over that of the most broken, d = {FAR})",
        _ALIKE,
        lambda seen: _alike(seen.R.get(farther(FAR))),
        _share(_ALIKE),
        _percent,
    ),
    Aspect(
        "reached",
        f"The farther the new object, the fewer optimisations come to their stop (share at d = {NEAR} less that at d = {FAR})",
        None,
        _fall,
        lambda ours: ours >= FALLS,
        lambda value: _points(value).replace("+", ""),
    ),
    Aspect(
        "distance",
        f"A far edit costs far more than a near one (change of direct recall at d = {FAR} less that at d = {NEAR})",
        _MORE,
        _more,
        _size(_MORE),
        _points,
    ),
    *(
        Aspect(
            name, f"{title} (change of direct recall)", _DIRECT[which], _change(which), _size(_DIRECT[which]), _points
        )
        for name, title, which in (
            ("far", f"The size of the damage at d = {FAR}", farther(FAR)),
            ("near", f"The size of the damage at d = {NEAR}", farther(NEAR)),
            ("corrective", "The size of the damage by corrective edits", CORRECTIVE),
        )
    ),
    Aspect(
        "R",
        f"The size of R at d = {FAR} (mean over the rings)",
        fmean(_RINGS[FAR]),
        lambda seen: fmean(rings) if (rings := seen.R.get(farther(FAR))) else None,
        _size(fmean(_RINGS[FAR])),
        _R,
    ),
    Aspect(
        "r2",
        "R tells the damage of a single edit (r² of R against the change of direct recall)",
        paper.R2,
        lambda seen: seen.r2,
        _share(paper.R2),
        lambda value: f"{value:.2f}",
    ),
)
"""In the order in which they are told."""
