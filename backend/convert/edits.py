"""Edits, and what came of them."""

from __future__ import annotations

import math

from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.convert.arrays import finite
from shatterscope.backend.editors import Course
from shatterscope.backend.edits import CompleteSpec, EditedModel, Outcome
from shatterscope.backend.worlds import Consequence
from shatterscope.wire.edits import (
    CourseInfo,
    EditOutcome,
    EditResult,
    EditSpec,
    ImpliedFact,
    RestraintSpec,
)


def edit_spec(spec: CompleteSpec) -> EditSpec:
    return EditSpec(
        subject=spec.subject,
        relation=spec.relation,
        object=spec.object,
        method=spec.method,
        layer=spec.layer,
        parameters=dict(spec.parameters),
        strength=spec.strength,
        batch=spec.batch,
        restraint=None if spec.restraint is None else RestraintSpec.model_validate(spec.restraint),
        implied=spec.implied,
        package=spec.package or None,
    )


def implied_fact(found: Consequence) -> ImpliedFact:
    assert found.expected is not None  # what has no answer is not written
    return ImpliedFact(
        kind=found.kind,
        explanation=found.explanation,
        subject=found.subject,
        relations=list(found.relations),
        old_object=found.truth,
        new_object=found.expected,
    )


def course(found: Course) -> CourseInfo:
    return _course(found, slice(None), list(range(len(found.loss))))


def course_end(found: Course, steps: int) -> CourseInfo:
    """Where the optimisation ended, after `steps` updates, without the way there."""
    return _course(found, slice(-1, None), [steps])


def _course(found: Course, part: slice, step: list[int]) -> CourseInfo:
    return CourseInfo(
        ended=found.ended,
        contexts=found.contexts,
        step=step,
        loss=list(map(finite, found.loss[part])),
        probability=list(map(finite, found.probability[part])),
        rank=list(found.rank[part]),
        length=None if found.length is None else list(map(finite, found.length[part])),
    )


def edit_outcome(found: Outcome, course: CourseInfo | None) -> EditOutcome:
    """A model that broke puts out no numbers: it gives nothing any probability."""
    return EditOutcome(
        spec=edit_spec(found.spec),
        old_object=found.old_object,
        also_true=list(found.also_true),
        new_object=found.new_object,
        prediction_before=found.prediction_before,
        prediction_after=found.prediction_after,
        distance=found.distance,
        kind=found.kind,
        success=found.success,
        probability_before=finite(found.probability_before) or 0.0,
        probability_after=finite(found.probability_after) or 0.0,
        delta_norm=finite(found.delta_norm) or 0.0,
        relative_delta_norm=finite(found.relative_delta_norm) or 0.0,
        steps=found.steps,
        warnings=list(found.warnings),
        diagnostics={name: value for name, value in found.diagnostics.items() if math.isfinite(value)},
        course=course,
        implied=[implied_fact(each) for each in found.implied],
    )


def edit_result(checkpoint: AnyCheckpoint, edited: EditedModel, seconds: float) -> EditResult:
    outcomes = [edit_outcome(each, None if each.course is None else course(each.course)) for each in edited.outcomes]
    return EditResult(id=edited.id, checkpoint=checkpoint.id, edits=outcomes, seconds=seconds)
