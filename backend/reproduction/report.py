"""Every table of the reproduction from the rows of one sweep. Pure: rows in, `Report` out.

A spread is over edits (or, in sequences, over repetitions). Within an edit, accuracies are means over the orders and R a mean over the
sub-graphs. Rows whose edit could not be made are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import linregress

from shatterscope.backend.reproduction import paper
from shatterscope.backend.reproduction.explained import explain
from shatterscope.backend.reproduction.protocol import arguments
from shatterscope.backend.reproduction.rows import PARTS, TASKS, MeasuredRow, ReportCell, read
from shatterscope.backend.reproduction.split import are_two, divided, group
from shatterscope.wire.base import Token
from shatterscope.wire.reproduction import (
    AccuracyCell,
    Disagreement,
    FitInfo,
    FitPoint,
    Line,
    Measure,
    MethodCell,
    PaperTask,
    Provenance,
    Report,
    SequenceCurve,
    SequencePoint,
    ShatteringCell,
    Split,
    Spread,
)
from shatterscope.wire.sweeps import SweepRequest, SweepRow, Versions

TASK_NAMES: dict[PaperTask, str] = {
    "direct": "direct recall",
    "logical": "logical inference",
    "compositional": "two steps",
}
ERRORS = 2.0  # standard errors beyond which ours and the paper's number disagree
ROUNDING = 0.005  # of the paper's numbers, which have two decimals, in percentage points or R


@dataclass(frozen=True)
class Run:
    """The sweep that the rows are of; `total` is the number of rows there will be."""

    sweep: str
    checkpoint_sha256: str
    request: SweepRequest
    total: int


def report(rows: Iterable[SweepRow | str], run: Run) -> Report:
    """Everything from one pass over the rows (or their JSON), however few.

    Raises:
        ValueError, LookupError, TypeError: something is no row.
    """
    singles: dict[ReportCell, list[MeasuredRow]] = {}
    sequences: dict[ReportCell, list[MeasuredRow]] = {}
    count = left_out = 0
    finished: list[str] = []
    last: MeasuredRow | None = None
    for last in map(read, rows):
        count += 1
        finished.append(last.finished)
        if not last.made:
            left_out += 1
            continue
        cells = singles if last.held is None else sequences
        cells.setdefault(last.cell, []).append(last)
    sites = list(
        dict.fromkeys(site for cells in (singles, sequences) for each in cells.values() for site in each[0].shattering)
    )
    accuracy = [found for cell, members in singles.items() for found in _accuracy(cell, members)]
    shattering = [found for cell, members in singles.items() for found in _shattering(cell, members)]
    methods = [_method(cell, members) for cell, members in singles.items()]
    fits, differing = _fits(singles, sites), _disagreements(accuracy, shattering)
    return Report(
        sites=sites,
        accuracy=accuracy,
        shattering=shattering,
        methods=methods,
        fits=fits,
        splits=[found for cell, members in singles.items() for found in _splits(cell, members, sites)],
        explained=explain(accuracy, shattering, methods, fits, sites),
        sequences=[_curve(cell, members) for cell, members in sequences.items()],
        disagreements=[each for each in differing if each.measure != "probability" and each.site in (None, *sites[:1])],
        other_disagreements=[each for each in differing if each.measure == "probability" or each.site in sites[1:]],
        provenance=Provenance(
            checkpoint=run.request.checkpoint,
            checkpoint_sha256=run.checkpoint_sha256,
            sweeps=[run.sweep],
            arguments=arguments(run.request),
            seed=run.request.seed,
            edits_per_cell=run.request.edits_per_cell,
            edits={each.name: each.edits or run.request.edits_per_cell for each in run.request.methods},
            corrective_edits=run.request.corrective_edits,
            queries=run.request.queries,
            contexts=run.request.contexts,
            device=None if last is None else last.device,
            versions=None if last is None else Versions.model_validate(last.versions),
            started=min(finished, default=None),
            finished=max(finished, default=None),
            rows=count,
            total=run.total,
            left_out=left_out,
        ),
    )


def spread(values: Iterable[float | None]) -> Spread | None:
    """Mean, sample standard deviation and number of what is known; None where nothing is."""
    known = np.array([value for value in values if value is not None])
    if not known.size:
        return None
    deviation = float(known.std(ddof=1)) if known.size > 1 else None
    return Spread(mean=float(known.mean()), deviation=deviation, n=known.size)


def _all(values: Iterable[float]) -> Spread:
    """Of what is known of every row of a cell, which has some."""
    found = spread(values)
    assert found is not None
    return found


# --- single edits ----------------------------------------------------------------------------------------------------


def _accuracy(cell: ReportCell, rows: Sequence[MeasuredRow]) -> Iterable[AccuracyCell]:
    theirs = paper.ACCURACY.get((cell.kind, cell.distance), {}) if cell.method == paper.METHOD else {}
    for task in TASKS:
        asked = [row for row in rows if task in row.accuracy]
        if asked:
            change = _all(row.accuracy[task]["change"] for row in asked)
            probability = _all(row.probability[task]["change"] for row in asked)
            yield AccuracyCell(**vars(cell), task=task, change=change, probability=probability, paper=theirs.get(task))


def _shattering(cell: ReportCell, rows: Sequence[MeasuredRow]) -> Iterable[ShatteringCell]:
    known = cell.method == paper.METHOD and cell.kind == "counterfactual"
    theirs = paper.SHATTERING.get(cell.distance, {}) if known else {}
    for site in rows[0].shattering:
        for part in PARTS:
            R = spread(row.shattering.get(site, {}).get(part) for row in rows)
            if R is not None:
                yield ShatteringCell(**vars(cell), site=site, sub_graph=part, shattering=R, paper=theirs.get(part))


def _method(cell: ReportCell, rows: Sequence[MeasuredRow]) -> MethodCell:
    def quality(name: str) -> Spread | None:
        return spread(row.quality[name] for row in rows)

    return MethodCell(
        **vars(cell),
        success=_all(float(row.success) for row in rows),
        reached=spread(None if row.reached is None else float(row.reached) for row in rows),
        relative_delta_norm=_all(row.relative_delta_norm for row in rows),
        shattering=spread(row.R for row in rows),
        sites=_at_sites(rows),
        direct=spread(row.accuracy["direct"]["change"] for row in rows if "direct" in row.accuracy),
        direct_probability=spread(row.probability["direct"]["change"] for row in rows if "direct" in row.accuracy),
        efficacy=quality("efficacy"),
        generality=quality("generality"),
        locality=quality("locality"),
        portability=quality("portability"),
        seconds=_all(row.edit_seconds for row in rows),
    )


def _at_sites(rows: Sequence[MeasuredRow]) -> dict[str, Spread]:
    found = {site: spread(row.R_at(site) for row in rows) for site in rows[0].shattering}
    return {site: R for site, R in found.items() if R is not None}


def _fits(cells: dict[ReportCell, list[MeasuredRow]], sites: Sequence[str]) -> list[FitInfo]:
    found: dict[tuple[str, str, Token, str], list[FitPoint]] = {}
    for cell, rows in cells.items():
        for site in sites:
            points = found.setdefault((cell.method, cell.preset, cell.token, site), [])
            points.extend(
                FitPoint(
                    index=row.index,
                    kind=cell.kind,
                    distance=cell.distance,
                    shattering=R,
                    change=row.accuracy["direct"]["change"],
                    probability=row.probability["direct"]["change"],
                    success=row.success,
                )
                for row in rows
                if (R := row.R_at(site)) is not None and "direct" in row.accuracy
            )
    return [
        FitInfo(
            method=method,
            preset=preset,
            token=token,
            site=site,
            points=points,
            **dict(_line([(each.shattering, each.change) for each in points])),
            probability=_line([(each.shattering, each.probability) for each in points if each.probability is not None]),
            paper_r2=paper.R2 if method == paper.METHOD else None,
        )
        for (method, preset, token, site), points in found.items()
    ]


def _line(points: Sequence[tuple[float, float]]) -> Line:
    """Least squares; none below three edits, or where R or the accuracy does not vary."""
    if len(points) < 3 or any(not np.var(values) for values in zip(*points, strict=True)):
        return Line(slope=None, intercept=None, r2=None)
    line = linregress(*zip(*points, strict=True))
    return Line(slope=float(line.slope), intercept=float(line.intercept), r2=float(line.rvalue) ** 2)


def _splits(cell: ReportCell, rows: Sequence[MeasuredRow], sites: Sequence[str]) -> Iterable[Split]:
    """Of R at each site, and of the change of direct recall by either measure."""
    looks: list[tuple[Literal["shattering", "argmax", "probability"], str | None, list[float | None]]] = [
        ("shattering", site, [row.R_at(site) for row in rows]) for site in sites
    ]
    for measure in ("argmax", "probability"):
        scores = [row.accuracy if measure == "argmax" else row.probability for row in rows]
        looks.append((measure, None, [each["direct"]["change"] if "direct" in each else None for each in scores]))
    for of, site, values in looks:
        known = [
            (value, row.success, row.reached) for value, row in zip(values, rows, strict=True) if value is not None
        ]
        numbers, taken, reached = map(list, zip(*known, strict=True)) if known else ([], [], [])
        if (found := divided(numbers)) is not None:
            explained, upper = found
            low, high = (group(numbers, taken, reached, member) for member in (~upper, upper))
            two = are_two(explained, upper)
            about = {"of": of, "site": site, "n": len(numbers), "explained": explained, "two": two}
            yield Split.model_validate({**vars(cell), **about, "low": low, "high": high})


# --- sequences -------------------------------------------------------------------------------------------------------


def _curve(cell: ReportCell, rows: Sequence[MeasuredRow]) -> SequenceCurve:
    by_edits: dict[int, list[MeasuredRow]] = {}
    for row in rows:
        assert row.held is not None
        by_edits.setdefault(row.held.after, []).append(row)
    points = [_point(edits, members) for edits, members in sorted(by_edits.items())]
    unedited = {task: each["before"] for task, each in rows[0].accuracy.items()}
    broken = [p.edits for p in points if "direct" in unedited and p.accuracy["direct"].mean < unedited["direct"] / 2]
    return SequenceCurve(**vars(cell), unedited=unedited, points=points, collapse=min(broken, default=None))


def _point(edits: int, rows: Sequence[MeasuredRow]) -> SequencePoint:
    held = [row.held for row in rows if row.held is not None]
    holding = spread(each.holding for each in held)
    assert holding is not None  # some edit was made, or nothing would have been measured
    return SequencePoint(
        edits=edits,
        shattering=spread(row.R for row in rows),
        sites=_at_sites(rows),
        accuracy={task: _all(row.accuracy[task]["after"] for row in rows) for task in rows[0].accuracy},
        holding=holding,
        written=spread(each.written for each in held),
    )


def without_paper(report: Report) -> Report:
    """The paper's numbers are of rings: beside those of another world they say nothing."""
    nothing = {"paper": None}
    return report.model_copy(
        update={
            "accuracy": [cell.model_copy(update=nothing) for cell in report.accuracy],
            "shattering": [cell.model_copy(update=nothing) for cell in report.shattering],
            "fits": [fit.model_copy(update={"paper_r2": None}) for fit in report.fits],
            "explained": [],
            "disagreements": [],
            "other_disagreements": [],
        }
    )


# --- beside the paper ------------------------------------------------------------------------------------------------


def _disagreements(accuracy: Sequence[AccuracyCell], shattering: Sequence[ShatteringCell]) -> list[Disagreement]:
    """Where more than `ERRORS` standard errors of ours lie between. A single edit has no standard error, so says nothing."""
    found: list[Disagreement] = []
    for change in accuracy:
        what = f"change of {TASK_NAMES[change.task]}, {_which(change)}"
        found += _disagreement(what, change.change, change.paper, measure="argmax")
        found += _disagreement(what, change.probability, change.paper, measure="probability")
    for cell in shattering:
        what = f"R of the {'edited' if cell.sub_graph == 'edit' else cell.sub_graph} ring, {_which(cell)}"
        found += _disagreement(what, cell.shattering, cell.paper, site=cell.site)
    return found


def _which(cell: AccuracyCell | ShatteringCell) -> str:
    kind = "corrective" if cell.kind == "corrective" else f"d = {cell.distance}"
    return f"{kind}, {cell.method}, preset {cell.preset}"


def _disagreement(
    what: str,
    ours: Spread | None,
    theirs: float | None,
    measure: Measure | None = None,
    site: str | None = None,
) -> list[Disagreement]:
    if theirs is None or ours is None or ours.deviation is None:
        return []
    scale = 100.0 if measure else 1.0
    difference, error = scale * (ours.mean - theirs), scale * ours.deviation / ours.n**0.5
    if abs(difference) <= max(ERRORS * error, ROUNDING):
        return []
    return [
        Disagreement(
            what=what,
            measure=measure,
            site=site,
            ours=scale * ours.mean,
            paper=scale * theirs,
            unit="points" if measure else "R",
            difference=difference,
            standard_error=error,
        )
    ]
