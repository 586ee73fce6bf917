"""One row of the table: what a contender's edits did, in numbers with what each was computed over. Pure.

A row is what the browser's table understands (`SortTable` in `frontend_assets/components`): `cells` by column, each with the `value` it
is sorted by, the `text` shown and the `tip` that explains it, and `csv`, the numbers as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from shatterscope.app.kit import words
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import Change, EvaluationResult, TaskScore, WantedAnswers
from shatterscope.wire.world import MeasureInfo

Json = dict[str, Any]
State = Literal["waiting", "done", "failed"]

ALL = 0.9  # of R: from here on the rest is not worth a sentence
TWO_STEPS = ("composition_stated", "composition_held_out")
TASKS: dict[str, tuple[str, ...]] = {"direct": ("direct",), "logical": ("logical",), "two_steps": TWO_STEPS}
BARS = ("Shattering R", "Change of accuracy")  # groups of columns with a bar behind each number
QUALITIES = ("efficacy", "generality", "locality", "portability", "retraction")


@dataclass(frozen=True)
class Column:
    """`group` stands above neighbours that share it; `falling`: a first click puts the largest on top (of changes: the worst)."""

    key: str
    label: str
    tip: str
    group: str = ""
    falling: bool = True


COLUMNS = (
    Column("method", "method", "The editing method and its preset. A click opens its edit on the Explore page.", falling=False),
    Column("success", "taken", "How many of the edits took: right after the edit the model answers the new object."),
    Column("r_edit", "edit", "Shattering R(D*) = ‖D* − D‖ / ‖D‖ of the ring that was edited, mean over its relations, at the last layer’s residual stream. 0: nothing moved.", "Shattering R"),
    Column("r_retain", "retain", "R of the next ring, which was not edited.", "Shattering R"),
    Column("r_test", "test", "R of the other ring, which was not edited.", "Shattering R"),
    Column("direct", "direct", "Change of the share of facts seen in training that are answered right, all rings together, in percentage points.", "Change of accuracy", falling=False),
    Column("logical", "logical", "The same for facts never seen in training, but implied by those that were.", "Change of accuracy", falling=False),
    Column("two_steps", "two steps", "The same for two relations in a row, seen and unseen together.", "Change of accuracy", falling=False),
    Column("efficacy", "efficacy", "Of the new facts, asked plainly: the share answered with the new object by the edited model.", "Quality of the edit"),
    Column("generality", "generality", "The new facts behind random true contexts: the share answered with the new object.", "Quality of the edit"),
    Column("locality", "locality", "Unrelated facts: the share still answered as the unedited model answered them, right or wrong.", "Quality of the edit"),
    Column("portability", "portability", "Facts that follow from the new ones: the share answered as if these held.", "Quality of the edit"),
    Column("retraction", "retraction", "Facts that the new ones contradict: the share no longer answered as it was true before.", "Quality of the edit"),
    Column("delta", "‖dW‖ / ‖W‖", "Norm of the weight change over the norm of the weights it is added to; of several edits the mean. GRACE and Patch change no weights."),
    Column("seconds", "time", "How long the edit took to compute, without the measuring; from the cache it is the time of the first computation."),
)  # fmt: skip


def columns(noun: str, measures: Sequence[MeasureInfo], spoken: bool = False) -> tuple[Column, ...]:
    """The columns in a world whose groups are called so, and in which this is measured: it stands behind R. `spoken`: questions are asked in words."""
    behind = 1 + next(i for i, each in enumerate(COLUMNS) if each.key == "r_test")
    known: tuple[Column, ...] = COLUMNS
    if noun != "ring":
        known = tuple(replace(each, tip=re.sub(r"\bring", noun, each.tip)) for each in COLUMNS)
    if spoken:
        known = tuple(replace(each, tip=words.SPOKEN_QUALITY.get(each.key, each.tip)) for each in known)
    return (*known[:behind], *(_measure(each, noun) for each in measures), *known[behind:])


def _measure(measure: MeasureInfo, noun: str) -> Column:
    return Column(measure.name, measure.title, measure.explained, "Edited model" if measure.whole else f"Edited {noun}")


def table_columns(noun: str, measures: Sequence[MeasureInfo], spoken: bool = False) -> list[Json]:
    """As the browser's table has them."""
    return [{**asdict(column), "bar": column.group in BARS} for column in columns(noun, measures, spoken)]


def drift(learned: float, control: float) -> str:
    """How much of an oracle's R its control has as well: what training moves, whatever it is told."""
    share = control / learned if learned else 1.0
    part = "All" if share >= ALL else f"{round(100 * share)} %"
    return f"{part} of it is drift: the control, without the fact, has R {words.shattering(control)}."


NONE: Json = {"value": None, "text": "–"}


def row(key: str, title: str, preset: str, href: str, state: State = "waiting", reason: str = "") -> Json:
    """A row without numbers: still being computed, or failed with a reason."""
    cells = {"method": {"value": f"{title} {preset}", "text": title, "note": preset}}
    return {
        "key": key, "name": f"{title} {preset}", "href": href, "state": state, "reason": reason, "cells": cells, "csv": {"method": title, "preset": preset},
    }  # fmt: skip


CONTROLLED: Json = {
    "text": "not told",
    "tip": "The control: trained on the same text, by the same random numbers, over as many steps, with the fact as the world has it. What it has "
    "in common with the oracle is drift.",
    "tone": "",
}


def is_control(edit: EditResult) -> bool:
    return edit.edits[0].spec.parameters.get("fact") is False


def filled(
    blank: Json, edit: EditResult, found: EvaluationResult, d_mlp: int, name: words.Name = str, noun: str = "ring"
) -> Json:
    """The row with its numbers; `d_mlp` is the length of an MLP's keys, `name` tells entities, `noun` what groups are called."""
    outcomes = edit.made
    there, held = edit.there, sum(outcome.success for outcome in edit.there)
    delta = sum(outcome.relative_delta_norm for outcome in outcomes) / len(outcomes)
    cells: Json = {
        **blank["cells"],
        "success": {
            "value": held / len(there) if there else None,
            "text": words.verdict(outcomes[0]) if len(outcomes) == 1 else f"{held} of {len(there)}",
            "tip": _said(edit, d_mlp, name),
            "tone": "bad" if edit.failed else "good" if there else "",
            **(CONTROLLED if is_control(edit) else {}),
        },
        "delta": {
            "value": delta,
            "text": words.change(delta),
            "tip": f"Over {words.plural(len(outcomes), 'edit')}: " + ", ".join(words.change(outcome.relative_delta_norm) for outcome in outcomes[:8]) + ("…" if len(outcomes) > 8 else "") + ".",
        },
        "seconds": {"value": edit.seconds, "text": f"{edit.seconds:.2f} s" if edit.seconds < 10 else f"{edit.seconds:.0f} s"},
    }  # fmt: skip
    csv: Json = {
        **blank["csv"],
        "edits": len(there), "succeeded": held, "relative_delta_norm": delta, "seconds": edit.seconds,
    }  # fmt: skip
    for key in ("edit", "retain", "test"):
        value = getattr(found.shattering, key)
        which = (
            f"{found.shattering.n_entities} entities" if noun == "ring" else "the entities that a relation is asked of"
        )
        over = f"Over all pairs of {which}, at the last layer."
        cells[f"r_{key}"] = NONE if value is None else {"value": value, "text": words.shattering(value), "tip": over}
        csv[f"r_{key}"] = value
    for measure in found.measures:
        shown = {"value": measure.value, "text": words.measured(measure, measure.value), "tip": measure.over}
        cells[measure.name] = NONE if measure.value is None else shown
        csv[measure.name] = measure.value
    for key, tasks in TASKS.items():
        scores = [score for score in found.scores if score.task in tasks]
        change, n = pooled(scores), sum(score.n_queries for score in scores)
        cells[key] = _change(change, n, scores, found.language is not None)
        csv |= {f"{key}_before": change and change.before, f"{key}_after": change and change.after, f"{key}_n": n}
    for key in QUALITIES:
        wanted: WantedAnswers | None = getattr(found.quality, key) if found.quality else None
        cells[key] = _wanted(wanted)
        csv |= {
            f"{key}_before": wanted and wanted.accuracy.before,
            f"{key}_after": wanted and wanted.accuracy.after,
            f"{key}_n": wanted.n_queries if wanted else 0,
        }
    return {**blank, "state": "done", "cells": cells, "csv": csv, "over": words.measured_over(found, noun)}


def pooled(scores: list[TaskScore]) -> Change | None:
    """Accuracy over the queries of all scores together; None where there is no query."""
    n = sum(score.n_queries for score in scores)
    if n == 0:
        return None
    before = sum(score.accuracy.before * score.n_queries for score in scores) / n
    after = sum(score.accuracy.after * score.n_queries for score in scores) / n
    return Change(before=before, after=after, change=after - before)


def _change(change: Change | None, n: int, scores: list[TaskScore], spoken: bool) -> Json:
    if change is None:
        return NONE
    asked = (
        "each in all its wordings" if spoken else f"each after {words.plural(scores[0].n_contexts, 'random context')}"
    )
    return {
        "value": change.change,
        "text": words.points(change.change),
        "tip": f"From {words.percent(change.before)} to {words.percent(change.after)} answered right, over {n} queries, {asked}.",
    }


def _wanted(wanted: WantedAnswers | None) -> Json:
    if wanted is None:
        return {**NONE, "tip": "There is no such question for this edit."}
    accuracy, probability = wanted.accuracy, wanted.probability
    return {
        "value": accuracy.after,
        "text": words.percent(accuracy.after),
        "tip": (
            f"{words.percent(accuracy.after)} of {words.plural(wanted.n_queries, 'question')}, before the edit {words.percent(accuracy.before)}. "
            f"Mean probability of the wanted answer: {probability.before:.2f} → {probability.after:.2f}."
        ),
    }


def _said(edit: EditResult, d_mlp: int, name: words.Name) -> str:
    outcomes = edit.made
    if len(outcomes) == 1:
        return words.outcome(outcomes[0], d_mlp, name)
    missed = [words.fact(item, name) for item in edit.failed]
    warnings = [warning for item in outcomes for warning in item.warnings][:2]
    verdict = f"Not taken: {', '.join(missed[:6])}{'…' if len(missed) > 6 else ''}." if missed else "Every edit took."
    return " ".join([verdict, *dict.fromkeys(warnings)])
