"""Every table of the reproduction from the rows of one sweep. Pure: rows in, `Report` out.

A spread is over edits (or, in sequences, over repetitions). Within an edit, accuracies are means over the orders and R a mean over the
sub-graphs. Rows whose edit could not be made are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

from scipy.stats import linregress

from backend.reproduction import paper
from backend.reproduction.rows import RowDigest
from backend.reproduction_schemas import (
    AccuracyCell,
    Disagreement,
    Fit,
    FitPoint,
    MethodCell,
    PaperTask,
    Provenance,
    Report,
    SequenceCurve,
    SequencePoint,
    ShatteringCell,
    Spread,
)
from backend.schemas import SubGraph
from backend.sweep_schemas import SweepRequest, SweepRow, Versions

Row = SweepRow | RowDigest
When = Literal["before", "after", "change"]

TASKS: dict[PaperTask, tuple[str, ...]] = {
    "direct": ("direct",),
    "logical": ("logical",),
    "compositional": ("composition_stated", "composition_held_out"),
}
PARTS: tuple[SubGraph, ...] = ("edit", "retain", "test")
QUALITIES = ("efficacy", "generality", "locality", "portability")
ERRORS = 2.0  # standard errors beyond which ours and the paper's number disagree


@dataclass(frozen=True)
class Run:
    """The sweep that the rows are of; `total` is the number of rows there will be."""

    sweep: str
    checkpoint_sha256: str
    request: SweepRequest
    total: int


def report(rows: Iterable[Row], run: Run) -> Report:
    """Everything from one pass over the rows, in any order and however few."""
    singles: dict[Cell, list[Row]] = {}
    sequences: dict[Cell, list[Row]] = {}
    count = left_out = 0
    finished: list[str] = []
    device: str | None = None
    versions: Versions | None = None
    for row in rows:
        count += 1
        finished.append(row.finished)
        device, versions = row.device, row.versions
        if not row.scores:
            left_out += 1
            continue
        cells = singles if row.sequence is None else sequences
        cells.setdefault(Cell(row.method, row.preset, row.kind, row.distance), []).append(row)
    accuracy = [found for cell, members in singles.items() for found in _accuracy(cell, members)]
    shattering = [found for cell, members in singles.items() for found in _shattering(cell, members)]
    return Report(
        accuracy=accuracy,
        shattering=shattering,
        methods=[_method(cell, members) for cell, members in singles.items()],
        fits=_fits(singles),
        sequences=[_curve(cell, members) for cell, members in sequences.items()],
        disagreements=_disagreements(accuracy, shattering),
        provenance=Provenance(
            checkpoint=run.request.checkpoint,
            checkpoint_sha256=run.checkpoint_sha256,
            sweeps=[run.sweep],
            seed=run.request.seed,
            edits_per_cell=run.request.edits_per_cell,
            queries=run.request.queries,
            contexts=run.request.contexts,
            device=device,
            versions=versions,
            started=min(finished, default=None),
            finished=max(finished, default=None),
            rows=count,
            total=run.total,
            left_out=left_out,
        ),
    )


@dataclass(frozen=True)
class Cell:
    """What is averaged over: the edits of one method, preset, kind and distance."""

    method: str
    preset: str
    kind: Literal["counterfactual", "corrective"]
    distance: int


# --- one row ---------------------------------------------------------------------------------------------------------


def task_accuracy(row: Row, task: PaperTask, when: When) -> float | None:
    """Mean over the orders of the accuracy of one of the paper's tasks; None where nothing is asked of it.

    Stated and held-out compositions are one task in the paper: of each order, they count by how many there are.
    """
    by_order: dict[str, list[tuple[float, int]]] = {}
    for score in row.scores:
        if score.task in TASKS[task]:
            by_order.setdefault(score.order, []).append((getattr(score.accuracy, when), score.n_available))
    orders = [sum(value * n for value, n in each) / sum(n for _, n in each) for each in by_order.values()]
    return fmean(orders) if orders else None


def part_shattering(row: Row, part: SubGraph) -> float | None:
    """R of a sub-graph; None where there is none, or R is not finite."""
    estimate = getattr(row.shattering, part, None)
    return None if estimate is None else estimate.value


def mean_shattering(row: Row) -> float | None:
    """R, the mean over the sub-graphs there are; None where that is not finite."""
    estimates = [estimate for part in PARTS if (estimate := getattr(row.shattering, part, None)) is not None]
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    return fmean(values) if values and len(values) == len(estimates) else None


def _quality(row: Row, name: str) -> float | None:
    wanted = getattr(row.quality, name, None)
    return None if wanted is None else wanted.accuracy.after


# --- many rows -------------------------------------------------------------------------------------------------------


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean, sample standard deviation and number of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(mean=fmean(known), deviation=stdev(known) if len(known) > 1 else None, n=len(known))


def _of(rows: Sequence[Row], value: Callable[[Row], float]) -> Spread:
    found = spread(map(value, rows))
    assert found is not None  # a cell has rows
    return found


def _accuracy(cell: Cell, rows: Sequence[Row]) -> Iterable[AccuracyCell]:
    theirs = paper.ACCURACY.get((cell.kind, cell.distance), {}) if cell.method == paper.METHOD else {}
    for task in TASKS:
        change = spread(task_accuracy(row, task, "change") for row in rows)
        if change is not None:
            yield AccuracyCell(
                method=cell.method,
                preset=cell.preset,
                kind=cell.kind,
                distance=cell.distance,
                task=task,
                change=change,
                paper=theirs.get(task),
            )


def _shattering(cell: Cell, rows: Sequence[Row]) -> Iterable[ShatteringCell]:
    known = cell.method == paper.METHOD and cell.kind == "counterfactual"
    theirs = paper.SHATTERING.get(cell.distance, {}) if known else {}
    for part in PARTS:
        found = spread(part_shattering(row, part) for row in rows)
        if found is not None:
            yield ShatteringCell(
                method=cell.method,
                preset=cell.preset,
                kind=cell.kind,
                distance=cell.distance,
                sub_graph=part,
                shattering=found,
                paper=theirs.get(part),
            )


def _method(cell: Cell, rows: Sequence[Row]) -> MethodCell:
    quality = {name: spread(_quality(row, name) for row in rows) for name in QUALITIES}
    return MethodCell(
        method=cell.method,
        preset=cell.preset,
        kind=cell.kind,
        distance=cell.distance,
        success=_of(rows, lambda row: float(row.outcomes[-1].success)),
        relative_delta_norm=_of(rows, lambda row: row.outcomes[-1].relative_delta_norm),
        shattering=spread(map(mean_shattering, rows)),
        direct=_of(rows, lambda row: task_accuracy(row, "direct", "change") or 0.0),
        efficacy=quality["efficacy"],
        generality=quality["generality"],
        locality=quality["locality"],
        portability=quality["portability"],
        seconds=_of(rows, lambda row: row.edit_seconds),
    )


def _fits(cells: dict[Cell, list[Row]]) -> list[Fit]:
    points: dict[tuple[str, str], list[FitPoint]] = {}
    for cell, rows in cells.items():
        mine = points.setdefault((cell.method, cell.preset), [])
        for row in rows:
            R, change = mean_shattering(row), task_accuracy(row, "direct", "change")
            if R is not None and change is not None:
                mine.append(
                    FitPoint(index=row.index, kind=cell.kind, distance=cell.distance, shattering=R, change=change)
                )
    return [_fit(method, preset, found) for (method, preset), found in points.items()]


def _fit(method: str, preset: str, points: list[FitPoint]) -> Fit:
    """The least-squares line; none below three edits, or where R or the accuracy does not vary."""
    R, change = [each.shattering for each in points], [each.change for each in points]
    slope = intercept = r2 = None
    if len(points) >= 3 and len(set(R)) > 1 and len(set(change)) > 1:
        line = linregress(R, change)
        slope, intercept, r2 = float(line.slope), float(line.intercept), float(line.rvalue) ** 2
    theirs = paper.R2 if method == paper.METHOD else None
    return Fit(method=method, preset=preset, points=points, slope=slope, intercept=intercept, r2=r2, paper_r2=theirs)


def _curve(cell: Cell, rows: Sequence[Row]) -> SequenceCurve:
    by_edits: dict[int, list[Row]] = {}
    for row in rows:
        assert row.sequence is not None
        by_edits.setdefault(row.sequence.after, []).append(row)
    points = [_point(edits, members) for edits, members in sorted(by_edits.items())]
    unedited = {task: value for task in TASKS if (value := task_accuracy(rows[0], task, "before")) is not None}
    broken = [p.edits for p in points if "direct" in unedited and p.accuracy["direct"].mean < unedited["direct"] / 2]
    return SequenceCurve(
        method=cell.method,
        preset=cell.preset,
        kind=cell.kind,
        distance=cell.distance,
        unedited=unedited,
        points=points,
        collapse=min(broken, default=None),
    )


def _point(edits: int, rows: Sequence[Row]) -> SequencePoint:
    accuracy = {task: spread(task_accuracy(row, task, "after") for row in rows) for task in TASKS}
    sequences = [row.sequence for row in rows if row.sequence is not None]
    holding = spread(each.holding for each in sequences)
    assert holding is not None  # some edit was made, or there would be no scores
    return SequencePoint(
        edits=edits,
        shattering=spread(map(mean_shattering, rows)),
        accuracy={task: found for task, found in accuracy.items() if found is not None},
        holding=holding,
        written=spread(each.written for each in sequences),
    )


# --- beside the paper ------------------------------------------------------------------------------------------------


def _disagreements(accuracy: Sequence[AccuracyCell], shattering: Sequence[ShatteringCell]) -> list[Disagreement]:
    """Where more than `ERRORS` standard errors of ours lie between. A single edit has no standard error, so says nothing."""
    found: list[Disagreement] = []
    for change in accuracy:
        what = f"change of {change.task} accuracy, {_which(change)}"
        found += _disagreement(what, change.change, change.paper, "points", 100.0)
    for cell in shattering:
        what = f"R of the {cell.sub_graph} sub-graph, {_which(cell)}"
        found += _disagreement(what, cell.shattering, cell.paper, "R", 1.0)
    return found


def _which(cell: AccuracyCell | ShatteringCell) -> str:
    kind = "corrective" if cell.kind == "corrective" else f"d = {cell.distance}"
    return f"{kind}, {cell.method}, preset {cell.preset}"


def _disagreement(
    what: str, ours: Spread, theirs: float | None, unit: Literal["points", "R"], scale: float
) -> list[Disagreement]:
    if theirs is None or ours.deviation is None:
        return []
    difference, error = ours.mean - theirs, ours.deviation / ours.n**0.5
    if abs(difference) <= ERRORS * error:
        return []
    return [
        Disagreement(
            what=what,
            ours=scale * ours.mean,
            paper=scale * theirs,
            unit=unit,
            difference=scale * difference,
            standard_error=scale * error,
        )
    ]
