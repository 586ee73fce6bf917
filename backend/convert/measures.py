"""What an edit did, in numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.convert.arrays import change, finite
from shatterscope.backend.evaluation import Quality, Wanted
from shatterscope.backend.experiment import Baseline, Experiment, Geometry, TaskChange
from shatterscope.backend.measures import MEASURES, Measure, Measurement
from shatterscope.backend.worlds import World
from shatterscope.wire.base import SubGraph
from shatterscope.wire.measures import (
    DamageBin,
    EditQuality,
    EvaluationResult,
    MeasurementInfo,
    MeasureParts,
    Movement,
    Movements,
    RippleFact,
    Shattering,
    SiteShattering,
    SitesResult,
    TaskScore,
    WantedAnswers,
)
from shatterscope.wire.world import (
    Answer,
    MeasureInfo,
)


def task_scores(found: Sequence[TaskChange]) -> list[TaskScore]:
    """Cells without any query (nothing was held out, say) are left out: they have no score."""
    return [
        TaskScore(
            task=each.task,
            order=each.order,
            sub_graph=each.sub_graph,
            accuracy=change(each.before.accuracy, each.after.accuracy),
            probability=change(each.before.probability, each.after.probability),
            n_queries=each.n_queries,
            n_available=each.n_available,
            n_contexts=each.n_contexts,
        )
        for each in found
        if each.n_queries
    ]


def evaluation_result(checkpoint: AnyCheckpoint, found: Experiment, seconds: float) -> EvaluationResult:
    parts = found.geometry.sub_graph_shattering
    return EvaluationResult(
        checkpoint=checkpoint.id,
        edit=found.edited.id,
        scores=task_scores(found.recall.scores),
        shattering=Shattering(
            per_relation=dict(found.geometry.shattering),
            edit=parts["edit"],
            retain=parts.get("retain"),
            test=parts.get("test"),
            n_entities=checkpoint.world.n_entities,
            without_edited=None if found.geometry.without_edited is None else finite(found.geometry.without_edited),
        ),
        movement=_movements(found.geometry, checkpoint.world.n_entities),
        measures=[
            measurement(MEASURES[name], each, checkpoint.world) for name, each in found.geometry.measures.items()
        ],
        damage=[
            DamageBin(
                distance_from=each.distance_from,
                distance_to=each.distance_to,
                displacement=finite(each.displacement),
                accuracy=change(each.accuracy_before, each.accuracy_after),
                n_entities=each.n_entities,
            )
            for each in found.geometry.damage
            if each.n_entities
        ],
        ripples=[
            RippleFact(
                kind=each.ripple.kind,
                explanation=each.ripple.explanation,
                subject=each.ripple.subject,
                relations=list(each.ripple.relations),
                truth=each.ripple.truth,
                expected=each.ripple.expected,
                before=Answer(object=each.before[0], probability=each.before[1]),
                after=Answer(object=each.after[0], probability=each.after[1]),
            )
            for each in found.recall.ripples
        ],
        quality=edit_quality(found.recall.quality),
        seconds=seconds,
    )


def unedited_result(checkpoint: AnyCheckpoint, found: Baseline) -> EvaluationResult:
    """Of the unedited model, over the questions that every edit of it is asked."""
    return still_result(
        checkpoint,
        [
            TaskScore(
                task=cell.task,
                order=checkpoint.world.group_names[cell.group],
                sub_graph=None,
                accuracy=change(score.accuracy, score.accuracy),
                probability=change(score.probability, score.probability),
                n_queries=len(cell),
                n_available=cell.n_available,
                n_contexts=len(found.queries.contexts),
            )
            for cell, score in zip(found.queries.cells, found.scores, strict=True)
            if len(cell)
        ],
    )


def still_result(checkpoint: AnyCheckpoint, scores: list[TaskScore]) -> EvaluationResult:
    """Nothing has moved."""
    names = checkpoint.world.relation_names
    still = Movement(**dict.fromkeys(Movement.model_fields, 0.0))
    return EvaluationResult(
        checkpoint=checkpoint.id,
        edit=None,
        scores=scores,
        shattering=Shattering(
            per_relation=dict.fromkeys(names, 0.0),
            edit=0.0,
            retain=None,
            test=None,
            n_entities=checkpoint.world.n_entities,
        ),
        movement=Movements(
            per_relation=dict.fromkeys(names, still),
            edit=still,
            retain=None,
            test=None,
            n_entities=checkpoint.world.n_entities,
        ),
        measures=[],
        damage=[],
        ripples=[],
        seconds=0.0,
    )


def sites_result(
    checkpoint: AnyCheckpoint, edit: str, found: Mapping[str, Mapping[SubGraph, float]], seconds: float
) -> SitesResult:
    def row(site: str, means: Mapping[SubGraph, float]) -> SiteShattering:
        known = {part: value for part, value in means.items() if math.isfinite(value)}
        return SiteShattering(site=site, edit=known.get("edit"), retain=known.get("retain"), test=known.get("test"))

    world = checkpoint.world
    return SitesResult(
        checkpoint=checkpoint.id,
        edit=edit,
        sites=[row(site, means) for site, means in found.items()],
        n_entities=world.n_entities,
        n_relations=world.n_relations // len(world.groups),
        seconds=seconds,
    )


def measure_info(measure: Measure, world: World) -> MeasureInfo:
    told = measure.told_in(world)
    return MeasureInfo(
        **{name: getattr(told, name) for name in MeasureInfo.model_fields if name != "whole"},
        whole=measure.of_model is not None,
    )


def measurement(measure: Measure, found: Measurement, world: World) -> MeasurementInfo:
    return MeasurementInfo(
        **dict(measure_info(measure, world)),
        value=finite(found.value),
        parts=None
        if measure.of_model is not None
        else MeasureParts(**{part: finite(value) for part, value in found.parts.items()}),
        per_relation={name: finite(value) for name, value in found.per_relation.items()},
    )


def _movements(found: Geometry, n_entities: int) -> Movements:
    own = {name: found.measures[name] for name in Movement.model_fields}

    def mean(part: SubGraph) -> Movement:
        return Movement(**{name: finite(each.parts[part]) for name, each in own.items()})

    return Movements(
        per_relation={
            relation: Movement(**{name: finite(each.per_relation[relation]) for name, each in own.items()})
            for relation in found.shattering
        },
        edit=mean("edit"),
        retain=mean("retain") if "retain" in found.sub_graph_shattering else None,
        test=mean("test") if "test" in found.sub_graph_shattering else None,
        n_entities=n_entities,
    )


def edit_quality(found: Quality) -> EditQuality:
    return EditQuality(
        efficacy=_wanted(found.efficacy),
        generality=_wanted(found.generality),
        locality=_wanted(found.locality),
        portability=_wanted(found.portability),
        retraction=_wanted(found.retraction),
    )


def _wanted(found: Wanted) -> WantedAnswers | None:
    if not found.n:
        return None
    return WantedAnswers(
        accuracy=change(found.accuracy_before, found.accuracy_after),
        probability=change(finite(found.probability_before) or 0.0, finite(found.probability_after) or 0.0),
        n_queries=found.n,
    )
