"""Rows of the table, as the browser's `SortTable` understands them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shatterscope.app.kit import words
from shatterscope.app.kit.figures.front import FrontPoint
from shatterscope.app.kit.state import Edit, Target, Tool, ViewState
from shatterscope.app.pages.league.state import LeagueView
from shatterscope.wire.league import League, LeagueFigures, LeagueRow, Mean, StackFigure

Json = dict[str, Any]
NONE: Json = {"value": None, "text": "–"}
EQUAL = "at equal efficacy"
FULL = "at strength 1, as the method makes it"
NOT_EVERYWHERE = ("R_retain", "R_test", "whole")
"""Figures that a world of one group, or a model without clear pictures, does not have."""
NAMED = 3
"""So many presets without a point are named."""


@dataclass(frozen=True)
class LeagueColumn:
    """`falling`: a first click puts the largest on top."""

    key: str
    label: str
    tip: str
    group: str = ""
    falling: bool = True


WRITTEN, SPARED, STACKS = "What is written", "What is spared", "Edits kept, one after another"


def columns(found: League, view: LeagueView) -> list[Json]:
    equal = view.at == "equal"
    noun = "the edited ring" if 0 in found.distances or 500 in found.distances else "the edited group"
    shown = [
        LeagueColumn("method", "method", "The method and its preset. A click opens an edit of it on the Explore page.", falling=False),
        LeagueColumn("edits", "edits", "How many were asked for. Those that could not be made count as failures."),
        LeagueColumn("success", "takes" if equal else "success", "Share of all edits that take at some strength up to 4." if equal else "Share of all edits whose new object is answered on the bare prompt.", WRITTEN),
        *([LeagueColumn("strength", "strength", "The smallest at which the edit takes, mean over those that do.", WRITTEN, falling=False)] if equal else []),
        LeagueColumn("generality", "generality", "The new fact behind random true contexts: share answered with the new object. An edit that does not take has none.", WRITTEN),
        LeagueColumn("portability", "portability", "Share of the facts that follow from the new one that are answered as if it held.", WRITTEN),
        LeagueColumn("locality", "locality", "Share of unrelated facts that are still answered as the unedited model answered them.", SPARED),
        LeagueColumn("R_edit", "R edit", f"Shattering R(D*) of {noun}, at the last layer’s residual stream. 0: nothing moved.", SPARED, falling=False),
        LeagueColumn("R_retain", "R retain", "R of the next one, which was not edited.", SPARED, falling=False),
        LeagueColumn("R_test", "R test", "R of the other one.", SPARED, falling=False),
        LeagueColumn("recall", "recall", "Change of the share of stated facts that are answered right behind contexts, in percentage points.", SPARED),
        LeagueColumn("whole", "whole", "Of the pictures that showed a ring (or what their world is) before the edit: the share that still does.", SPARED),
        *(LeagueColumn(f"kept_{stage}", str(stage), f"Share of the first {stage} edits of a stack that are still answered after the last of them; no two are of the same fact.", STACKS) for stage in stages(found)),
        LeagueColumn("milliseconds", "ms", "Median time of the edit alone, warm, on one thread: processor time, and wall clock for a method of a package.", falling=False),
    ]  # fmt: skip
    return [asdict(column) for column in shown if column.key not in NOT_EVERYWHERE or has(found, column.key)]


def has(found: League, figure: str) -> bool:
    """Whether any row has it, at either strength."""
    return any(getattr(own, figure) is not None for row in found.rows for own in (row.full, row.equal) if own)


def stages(found: League) -> list[int]:
    return sorted({stack.after for row in found.rows for stack in row.stacks})


def of_family(found: League, view: LeagueView) -> list[LeagueRow]:
    return [row for row in found.rows if view.family == "all" or row.weights == (view.family == "weights")]


def rows(found: League, view: LeagueView) -> list[Json]:
    return [_row(found, row, view) for row in of_family(found, view)]


def figures(row: LeagueRow, view: LeagueView) -> LeagueFigures | None:
    return row.equal if view.at == "equal" else row.full


def entries(found: League, view: LeagueView) -> list[FrontPoint]:
    """The points of the figure: without methods that never take, which have no R at equal efficacy."""
    shown = []
    for row in of_family(found, view):
        own = figures(row, view)
        if own is None or own.R_edit is None:
            continue
        efficacy = own.generality if view.efficacy == "generality" else row.taken if view.at == "equal" else own.success
        if efficacy is not None:
            shown.append(FrontPoint(row.method, row.preset, own.R_edit, efficacy))
    return shown


def _row(found: League, row: LeagueRow, view: LeagueView) -> Json:
    own = figures(row, view)
    told = (
        f"{row.edits} edits, {row.refused} of which could not be made: {' '.join(row.reasons)}"
        if row.refused
        else f"{row.edits} edits, all made."
    )
    cells: dict[str, Json] = {
        "method": {"value": f"{row.title} {row.preset}", "text": row.title, "note": row.preset},
        "edits": {"value": row.edits, "text": str(row.edits), "tip": told, "note": f"{row.refused} refused" if row.refused else None},
        "success": _cell(row.taken if view.at == "equal" else row.full.success, words.percent),
        "strength": _cell(row.strength, lambda value: f"{value:.2f}"),
        "milliseconds": NONE if row.milliseconds is None else {"value": row.milliseconds, "text": f"{row.milliseconds:.0f}"},
    }  # fmt: skip
    texts: dict[str, Callable[[float], str]] = {
        **dict.fromkeys(("generality", "portability", "locality", "whole"), words.percent),
        **dict.fromkeys(("R_edit", "R_retain", "R_test"), short),
        "recall": words.points,
    }
    never = {**NONE, "tip": "No edit by this preset takes at any strength, so there is no figure at equal efficacy."}
    for name, text in texts.items():
        cells[name] = never if own is None else _cell(getattr(own, name), text)
    for stack in row.stacks:
        cells[f"kept_{stack.after}"] = _stack(stack)
    return {
        "key": f"{row.method}-{row.preset}",
        "state": "done",
        "href": f"/?{_explored(found, row).to_query()}",
        "cells": cells,
    }


def short(R: float) -> str:
    """Two digits that count, whatever the size."""
    return f"{R:#.2g}".removesuffix(".").replace("e-0", "e-") if R else "0"


def _whole(share: float) -> str:
    return f"{100 * share:.0f}"


def _cell(mean: Mean | None, text: Callable[[float], str]) -> Json:
    if mean is None:
        return {**NONE, "tip": "There is nothing to average: no such question, or no such picture."}
    if mean.low is None or mean.high is None:
        return {
            "value": mean.value,
            "text": text(mean.value),
            "tip": f"{words.plural(mean.n, 'edit')}: of too few facts for an interval.",
        }
    brief = _whole if text is words.percent else text
    low, high = brief(mean.low), brief(mean.high)
    between = f"{text(mean.low)} to {text(mean.high)}"
    return {
        "value": mean.value,
        "text": text(mean.value),
        "note": None if low == high else f"{low} to {high}" if text is words.points else f"{low} – {high}",
        "tip": f"Mean of {words.plural(mean.n, 'edit')}; 95 % interval {between}.",
    }


def _stack(stack: StackFigure) -> Json:
    if stack.kept is None:
        reason = stack.not_measured or "there is no such row"
        return {"value": None, "text": "–", "note": reason.partition(":")[0], "tip": f"Not measured: {reason}."}
    recall = (
        "" if stack.recall is None else f" Recall of facts that were not edited: {words.points(stack.recall)} points."
    )
    R = "" if stack.R is None else f" R, mean over all relations: {short(stack.R)}."
    return {
        "value": stack.kept,
        "text": words.percent(stack.kept),
        "tip": f"One stack of {stack.after} edits.{recall}{R}",
    }


def _explored(found: League, row: LeagueRow) -> ViewState:
    tool = Tool(method=row.method, preset=row.preset)
    if row.example is None:
        return ViewState(checkpoint=found.checkpoint, tool=tool)
    target = Target(row.example.distance)
    edit = Edit(row.example.subject, row.example.relation, target, row.method, preset=row.preset)
    return ViewState(found.checkpoint, row.example.subject, row.example.relation, target, tool, (edit,))


def named(distance: int | None) -> str:
    """Edits of one distance."""
    return "corrective edits" if distance == 0 else f"edits at distance {distance}"


def over(found: League) -> str:
    """What the table was computed over, in a sentence."""
    of = (
        f"of every distance{' and corrective' if 0 in found.distances else ''}"
        if found.distance is None
        else "that correct a mistake"
        if found.distance == 0
        else f"at distance {found.distance}"
    )
    each = "" if found.distance is not None else f" ({found.per_distance} of each at most)"
    when = f", measured until {found.finished[:10]} by version {', '.join(found.versions)}" if found.finished else ""
    return f"The set “{found.set}”: edits {of}{each}, each alone on the unedited model{when}."


def hints(rows_: Sequence[LeagueRow], view: LeagueView) -> str:
    """Who has no point in the figure, and why; of many their number, for the table has their names."""
    never = [f"{row.title} {row.preset}" for row in rows_ if row.equal is None]
    if view.at != "equal" or not never:
        return ""
    told = ", ".join(never) if len(never) <= NAMED else f"{len(never)} of {words.plural(len(rows_), 'preset')}"
    return f"Never takes, so without a point: {told}."


def none_whole(found: League) -> str:
    """Why there is no column of pictures."""
    return (
        ""
        if has(found, "whole")
        else "; no picture of this checkpoint has its shape before an edit, so none can lose it"
    )
