"""What a picture shows, in words. Every sentence follows from the verdict on the picture that is on show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from shatterscope.app.kit import words
from shatterscope.wire.pictures import DiagnosticsInfo, JudgementInfo, ProjectionResult, ShapeInfo, StatisticInfo
from shatterscope.wire.world import CheckpointInfo

Side = Literal["before", "after"]

A = {
    "ring": "a ring",
    "line": "a line",
    "knot": "a knot",
    "pieces": "in pieces",
    "point": "a point",
    "none": "no clear shape",
}
MANY = {
    "ring": "rings",
    "line": "lines",
    "knot": "knots",
    "pieces": "in pieces",
    "point": "points",
    "none": "of no clear shape",
}
SHORT = {"ring": "ring", "line": "line", "knot": "knot", "pieces": "pieces", "point": "point", "none": "no shape"}
MEANS = {
    "ring": "One closed loop that does not touch itself.",
    "line": "No loop: the curve is open, or pressed flat.",
    "knot": "The curve crosses itself, or lies on itself.",
    "pieces": "The graph of nearest neighbours is no longer connected, or the picture has wide gaps.",
    "point": "All entities have the same representation.",
    "none": "Neither ring, line nor knot.",
}


def caption(result: ProjectionResult, side: Side) -> str:
    """The verdict, and how far to trust the picture."""
    return f"{shows(result, side)} {trust(result.diagnostics[side], result.method)}".strip()


def shows(result: ProjectionResult, side: Side) -> str:
    """The verdict in a sentence; after an edit, what has become of the picture before it."""
    judged, found = (result.diagnostics[each].judgement for each in ("before", "after"))
    if judged is not None and found is not None:
        return _shows(judged, found if side == "after" and result.edit is not None else None)
    was, now = result.diagnostics["before"].shape, result.diagnostics["after"].shape
    if result.diagnostics[side].shape.verdict == "point":
        return f"All entities lie on one point: {_why_one(result.site)}."
    if side == "before" or result.edit is None:
        return f"{_what(was).capitalize()}{'' if was.verdict in ('ring', 'pieces', 'none') else ', not a ring'}."
    return f"{_became(was, now)}{_unmoved(result)}"


def _became(was: ShapeInfo, now: ShapeInfo) -> str:
    if was.verdict == now.verdict:
        return f"It is still {_what(now)}." if now.verdict != "none" else "Still no clear shape."
    named = was.verdict in ("ring", "line", "knot")
    subject = f"The {was.verdict}" if named else "It"
    if now.verdict == "none":
        return f"{subject} has lost its shape." if named else "It has no clear shape now."
    if now.verdict == "pieces":
        return f"{subject} has come apart into {now.pieces} pieces."
    return f"{subject} has become {_what(now)}."


def others(result: ProjectionResult, side: Side) -> str:
    """As `_unmoved`, in few words, behind the picture's name."""
    found, was = result.unmoved, result.diagnostics["before"].shape.verdict
    if side == "before" or found is None or found.shape.verdict != was:
        return ""
    return f", the {len(result.order_position) - found.moved} others still {A[was]}"


def _unmoved(result: ProjectionResult) -> str:
    """That it is a few points, and not the others, that changed the picture."""
    if result.unmoved is None:
        return ""
    moved, alone = result.unmoved.moved, result.unmoved.shape
    few = f" Only {moved} of {len(result.order_position)} entities {'has' if moved == 1 else 'have'} moved"
    if alone.verdict == result.diagnostics["before"].shape.verdict:
        return f"{few}; the others are still {_what(alone)}."
    return f"{few}; the picture hung on {'it' if moved == 1 else 'them'}."


def _shows(was: JudgementInfo, now: JudgementInfo | None) -> str:
    """Of a group that is no ring."""
    if was.word == "unjudged":
        return was.sentence
    if now is None:
        return f"{was.title}."
    if was.word == now.word:
        return f"Still: {now.title.lower()}."
    return f"It was {was.title.lower()}, and is now {now.title.lower()}: {now.sentence[0].lower()}{now.sentence[1:]}"


def trust(item: DiagnosticsInfo, method: str) -> str:
    if (item.judgement.word if item.judgement else item.shape.verdict) == "point":
        return ""
    k = f"k\u00a0=\u00a0{item.n_neighbors}; " if item.n_neighbors is not None else ""
    name = "Isomap, " if method == "isomap" else f"{method.upper()}; "
    neighbors = (
        f"{words.percent(item.ring_neighbor_share)} of nearest neighbours are ring neighbours."
        if item.judgement is None
        else " ".join(measured(each) for each in item.judgement.statistics[:2])
    )
    return f"{neighbors} {name}{k}the picture misses {words.percent(item.residual_variance)} of the distance structure."


def measured(item: StatisticInfo) -> str:
    """A number beside what chance gives."""
    value, chance = (
        f"{each + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−") for each in (item.value, item.chance)
    )
    return f"{item.title}: {value} (by chance {chance})."


def rests_on(found: DiagnosticsInfo) -> str:
    """What the verdict rests on, for its tooltip."""
    if found.judgement is not None:
        told = [f"{measured(each)} {each.sentence}" for each in found.judgement.statistics]
        return " ".join([found.judgement.sentence, *told])
    item = found.shape
    if item.verdict == "point":
        return MEANS["point"]
    return (
        f"{MEANS[item.verdict]} It goes round {times(item.winding)}, is {words.percent(item.roundness)} as wide as long, and lies on another part of "
        f"itself with {words.percent(item.overlap)} of its points ({words.plural(item.crossings, 'crossing')}). The widest hole (H1) is {words.percent(item.loop)} "
        f"of its size, the next {words.percent(1 - item.gap)} of that; in 19 shapeless clouds it was at least {words.percent(1 - item.gap_by_chance)}."
    )


def times(winding: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(abs(winding), f"{abs(winding)} times")


def counted(verdicts: Iterable[str]) -> str:
    """`10 rings, 3 lines, 11 knots`."""
    found = list(verdicts)
    counts = {name: found.count(name) for name in MANY}
    said = [
        f"{n} {MANY[name] if n > 1 or name not in ('ring', 'line', 'knot', 'point') else name}"
        for name, n in counts.items()
        if n
    ]
    return ", ".join(said)


def clearest(checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo | None:
    """The checkpoint with the most rings, if any has one."""
    of_rings = [item for item in checkpoints if item.graph.kind == "rings"]
    best = max(of_rings, key=lambda item: item.rings.closed or 0, default=None)
    return best if best is not None and best.rings.closed else None


def means(item: DiagnosticsInfo) -> str:
    """What the verdict's word means."""
    return MEANS[item.shape.verdict] if item.judgement is None else item.judgement.sentence


def named(found: DiagnosticsInfo) -> str:
    """`ring`, `2 pieces`, `no clear shape`."""
    if found.judgement is not None:
        return found.judgement.title.removeprefix("A ").lower()
    item = found.shape
    return f"{item.pieces} pieces" if item.verdict == "pieces" else A[item.verdict].removeprefix("a ")


def _what(item: ShapeInfo) -> str:
    return f"in {item.pieces} pieces" if item.verdict == "pieces" else A[item.verdict]


def _why_one(site: str) -> str:
    if site == "embed":
        return "this is the embedding of the relation's token, before attention has looked at the entity"
    return "here the model holds the same vector for every entity"
