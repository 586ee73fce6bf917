"""Rows in, the table out: means with intervals, and the table as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from shatterscope.backend.editors import EDITORS
from shatterscope.backend.league.intervals import mean_of
from shatterscope.backend.league.measure import Contender
from shatterscope.backend.league.rows import Figures, MeasuredEdit, MeasuredStack, Rows
from shatterscope.backend.league.sets import CORRECTIVE
from shatterscope.wire.base import SubGraph
from shatterscope.wire.league import Example, League, LeagueFigures, LeagueRow, Mean, SetName, StackFigure

Value = Callable[[MeasuredEdit], float | None]


def league(rows: Rows, distance: int | None = None, sets: Sequence[SetName] = ()) -> League:
    """The table of edits at `distance`, 0 for corrective ones and None for all. `sets`: those that there is a table of."""
    edits = [row for row in rows.edits if distance is None or row.distance == distance]
    found: dict[Contender, tuple[list[MeasuredEdit], list[MeasuredStack]]] = {}
    for row in edits:
        found.setdefault((row.method, row.preset), ([], []))[0].append(row)
    for stack in rows.stacks:
        found.setdefault((stack.method, stack.preset), ([], []))[1].append(stack)
    finished = sorted(row.finished for row in rows.rows.values())
    place = {name: i for i, name in enumerate(EDITORS)}
    order = sorted(found, key=lambda contender: place.get(contender[0], len(place)))
    return League(
        checkpoint=rows.header.checkpoint,
        set=rows.header.set,
        sets=list(sets) or [rows.header.set],
        distances=rows.header.distances,
        distance=distance,
        per_distance=max((row.place + 1 for row in edits), default=0),
        started=finished[0] if finished else None,
        finished=finished[-1] if finished else None,
        versions=sorted({row.version for row in rows.rows.values()}),
        rows=[_row(contender, *found[contender]) for contender in order],
    )


def _row(contender: Contender, edits: Sequence[MeasuredEdit], stacks: Sequence[MeasuredStack]) -> LeagueRow:
    method, preset = contender
    editor = EDITORS.get(method)  # a method of a package may not be installed where its table is read
    refused = [row for row in edits if row.problem is not None]
    seconds = [row.seconds for row in edits if row.seconds is not None]
    return LeagueRow(
        method=method,
        title=method if editor is None else editor.title,
        preset=preset,
        package="" if editor is None else editor.package,
        weights=editor is None or editor.weights,
        edits=len(edits),
        refused=len(refused),
        reasons=list(dict.fromkeys(row.problem for row in refused if row.problem)),
        full=_figures(edits, lambda row: row.full),
        equal=_figures(edits, lambda row: row.equal) if any(row.equal for row in edits) else None,
        strength=_mean(edits, lambda row: row.strength),
        taken=_mean(edits, lambda row: float(row.strength is not None), share=True),
        milliseconds=1000 * median(seconds) if seconds else None,
        stacks=[_stack(row) for row in sorted(stacks, key=lambda row: row.after)],
        example=_example(edits),
    )


def _figures(edits: Sequence[MeasuredEdit], at: Callable[[MeasuredEdit], Figures | None]) -> LeagueFigures:
    def of_all(value: Callable[[Figures], float | None], share: bool = False) -> Mean | None:
        """Where there are no figures the edit has failed."""

        def found(row: MeasuredEdit) -> float | None:
            figures = at(row)
            return 0.0 if figures is None else value(figures)

        return _mean(edits, found, share)

    def of_made(value: Callable[[Figures], float | None], share: bool = False) -> Mean | None:
        def found(row: MeasuredEdit) -> float | None:
            figures = at(row)
            return None if figures is None else value(figures)

        return _mean(edits, found, share)

    def R(part: SubGraph) -> Mean | None:
        return of_made(lambda figures: figures.R.get(part))

    return LeagueFigures(
        success=of_all(lambda figures: float(figures.success), share=True),
        generality=of_all(lambda figures: figures.generality),
        portability=of_all(lambda figures: figures.portability),
        locality=of_made(lambda figures: figures.locality),
        R_edit=R("edit"),
        R_retain=R("retain"),
        R_test=R("test"),
        recall=of_made(lambda figures: figures.recall),
        whole=of_made(lambda figures: None if figures.whole is None else float(figures.whole), share=True),
    )


def _example(edits: Sequence[MeasuredEdit]) -> Example | None:
    """One at a middling distance: far enough to see something move."""
    made = sorted((row.place, row.distance) for row in edits if row.full is not None and row.distance != CORRECTIVE)
    if not made:
        return None
    place = made[0][0]
    distances = [distance for first, distance in made if first == place]
    wanted = place, distances[(len(distances) - 1) // 2]
    return next(
        Example(subject=row.subject, relation=row.relation, distance=row.distance)
        for row in edits
        if (row.place, row.distance) == wanted
    )


def _mean(edits: Sequence[MeasuredEdit], value: Value, share: bool = False) -> Mean | None:
    found = [(each, (row.subject, row.relation)) for row in edits if (each := value(row)) is not None]
    return mean_of([each for each, _ in found], [fact for _, fact in found], share=share)


def _stack(row: MeasuredStack) -> StackFigure:
    return StackFigure(after=row.after, kept=row.kept, recall=row.recall, R=row.R, not_measured=row.stopped)


# --- CSV --------------------------------------------------------------------------------------------------------


def csv_lines(table: League) -> Iterator[str]:
    """A header, then a line for every row; of every mean its interval and the number of edits beside it."""
    stages = sorted({stack.after for row in table.rows for stack in row.stacks})
    records = [_record(table, row, stages) for row in table.rows]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(records[0]) if records else ["method", "preset"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)  # None is written as nothing
    yield from file.getvalue().splitlines(keepends=True)


def _record(table: League, row: LeagueRow, stages: Sequence[int]) -> dict[str, str | float | None]:
    found: dict[str, str | float | None] = {
        "checkpoint": table.checkpoint,
        "set": table.set,
        "distance": "all" if table.distance is None else table.distance or "corrective",
        "method": row.method,
        "preset": row.preset,
        "package": row.package,
        "edits": row.edits,
        "refused": row.refused,
        "reasons": "; ".join(row.reasons),
        "milliseconds": row.milliseconds,
    }
    means: dict[str, Mean | None] = {"taken": row.taken, "strength": row.strength}
    for name, figures in (("full", row.full), ("equal", row.equal)):
        for field in LeagueFigures.model_fields:
            means[f"{name}_{field}"] = None if figures is None else getattr(figures, field)
    for name, mean in means.items():
        for part in Mean.model_fields:
            found[name if part == "value" else f"{name}_{part}"] = None if mean is None else getattr(mean, part)
    by_stage = {stack.after: stack for stack in row.stacks}
    for stage in stages:
        stack = by_stage.get(stage, StackFigure(after=stage))
        for part in ("kept", "recall", "R", "not_measured"):
            found[f"stack_{stage}_{part}"] = getattr(stack, part)
    return found
