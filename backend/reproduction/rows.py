"""What a report needs of a row: a few numbers. Reading them from the JSON is four times as fast as checking a whole `SweepRow`, which counts
where a report is made of thousands.

Within a row, an accuracy is the mean over the orders, and R the mean over the sub-graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from pydantic_core import from_json

from shatterscope.wire.base import SubGraph, Token
from shatterscope.wire.reproduction import Kind, PaperTask
from shatterscope.wire.sweeps import LAST, SweepRow

When = Literal["before", "after", "change"]

TASKS: dict[PaperTask, tuple[str, ...]] = {
    "direct": ("direct",),
    "logical": ("logical",),
    "compositional": ("composition_stated", "composition_held_out"),
}
PARTS: tuple[SubGraph, ...] = ("edit", "retain", "test")
QUALITIES = ("efficacy", "generality", "locality", "portability")


@dataclass(frozen=True)
class ReportCell:
    """What is averaged over: the edits of one method, preset (and so token), kind and distance."""

    method: str
    preset: str
    token: Token
    kind: Kind
    distance: int


@dataclass(frozen=True)
class Held:
    """How a sequence's edits fare: `wire.sweeps.Holding`."""

    after: int
    written: float | None
    holding: float | None


@dataclass(frozen=True)
class MeasuredRow:
    """One row.

    Attributes:
        accuracy: per task what it was, is, and changed by; without the tasks that nothing was asked of. Empty where no edit could be made.
        probability: the same of the mean probability of the truth.
        shattering: per site, R per sub-graph, None where it is not finite.
        R: at the last layer's resid_post, mean over the sub-graphs; None where one of them is not finite.
        success, relative_delta_norm: of the last edit.
        reached: whether its optimisation came to its stop; None where the row does not tell.
        quality: share of the wanted answers after the edit.
        held: None for a single edit.
    """

    index: int
    cell: ReportCell
    accuracy: dict[PaperTask, dict[When, float]]
    probability: dict[PaperTask, dict[When, float]]
    shattering: dict[str, dict[SubGraph, float | None]]
    R: float | None
    success: bool
    reached: bool | None
    relative_delta_norm: float
    quality: dict[str, float | None]
    held: Held | None
    edit_seconds: float
    device: str
    versions: dict[str, str]
    finished: str

    @property
    def made(self) -> bool:
        return bool(self.accuracy)

    def R_at(self, site: str) -> float | None:
        """Mean over the sub-graphs; None where one of them is not finite, or R was not read there."""
        return _over_rings(self.shattering.get(site, {}))


def read(row: SweepRow | str) -> MeasuredRow:
    """A row, or its JSON. Raises `ValueError`, `LookupError` or `TypeError` where it is no row."""
    values: dict[str, Any] = from_json(row) if isinstance(row, str) else row.model_dump()
    found, outcomes, held = values["shattering"], values["outcomes"], values["sequence"]
    sites = values.get("sites") or ({LAST: found} if found else {})
    wanted = values["quality"] or {}
    last = outcomes[-1] if outcomes else {}
    course, parameters = last.get("course"), last["spec"]["parameters"] if last else {}
    return MeasuredRow(
        index=values["index"],
        cell=ReportCell(
            values["method"], values["preset"], parameters.get("token", "relation"), values["kind"], values["distance"]
        ),
        accuracy=_scores(values["scores"], "accuracy"),
        probability=_scores(values["scores"], "probability"),
        shattering={site: _rings(each) for site, each in sites.items()},
        R=_over_rings(_rings(found or {})),
        success=bool(last) and last["success"],
        reached=None if course is None else course["ended"] != "steps",
        relative_delta_norm=last.get("relative_delta_norm", 0.0),
        quality={name: wanted[name]["accuracy"]["after"] if wanted.get(name) else None for name in QUALITIES},
        held=None if held is None else Held(held["after"], held["written"], held["holding"]),
        edit_seconds=values["edit_seconds"],
        device=values["device"],
        versions=values["versions"],
        finished=values["finished"],
    )


def _rings(found: dict[str, Any]) -> dict[SubGraph, float | None]:
    return {part: found[part]["value"] for part in PARTS if found.get(part)}


def _over_rings(rings: dict[SubGraph, float | None]) -> float | None:
    finite = [R for R in rings.values() if R is not None]
    return fmean(finite) if finite and len(finite) == len(rings) else None


def _scores(scores: list[dict[str, Any]], what: str) -> dict[PaperTask, dict[When, float]]:
    """Stated and held-out compositions are one task in the paper: within an order, they count by how many there are."""
    found: dict[PaperTask, dict[When, float]] = {}
    for task, names in TASKS.items():
        by_order: dict[str, list[dict[str, Any]]] = {}
        for score in scores:
            if score["task"] in names:
                by_order.setdefault(score["order"], []).append(score)
        if by_order:
            when: tuple[When, ...] = ("before", "after", "change")
            found[task] = {each: fmean(_mean(members, what, each) for members in by_order.values()) for each in when}
    return found


def _mean(scores: list[dict[str, Any]], what: str, when: When) -> float:
    if len(scores) == 1:
        return float(scores[0][what][when])
    total = sum(score["n_available"] for score in scores)
    return float(sum(score[what][when] * score["n_available"] for score in scores) / total)
