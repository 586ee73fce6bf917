"""Science in, wire models out: the one place that converts."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shatterscope.backend.activations import default_site
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.data.notes import NOTE_TOKENS
from shatterscope.backend.editors import EDITORS, Course, Editor
from shatterscope.backend.editors.base import added_neurons
from shatterscope.backend.editors.codebook import codebooks
from shatterscope.backend.edits import CompleteSpec, EditedModel, Outcome, steps_of
from shatterscope.backend.evaluation import AskedFact, Mistake, Quality, Wanted
from shatterscope.backend.evaluation.keys_values import MemoryPicture
from shatterscope.backend.experiment import Baseline, Experiment, Geometry, TaskChange
from shatterscope.backend.in_context import WORDS as IN_CONTEXT_WORDS
from shatterscope.backend.in_context import Graph, ReadText
from shatterscope.backend.measures import MEASURES, Measure, Measurement
from shatterscope.backend.models import site_names
from shatterscope.backend.notes import NotesEffect
from shatterscope.backend.pictures import Diagnostics, Fit, Projection
from shatterscope.backend.prediction.fit import Fitted
from shatterscope.backend.prediction.foresee import Foreseen, Reading
from shatterscope.backend.prediction.sampled import Moved, judged
from shatterscope.backend.prediction.shipped import MethodRows
from shatterscope.backend.restraints import RESTRAINTS, Restraint
from shatterscope.backend.shapes import STATISTICS, Judgement, Kind, Measured, followed
from shatterscope.backend.shapes.verdict import WORDS
from shatterscope.backend.tensor_files import tensor_bytes
from shatterscope.backend.verdicts import CKA, Side
from shatterscope.backend.worlds import Consequence, Group, Relation, World
from shatterscope.wire.base import Array, SubGraph
from shatterscope.wire.edits import (
    CourseInfo,
    EditorInfo,
    EditOutcome,
    EditResult,
    EditSpec,
    ImpliedFact,
    PresetInfo,
    RestraintInfo,
    RestraintSpec,
)
from shatterscope.wire.in_context import InContextRequest, InContextResult
from shatterscope.wire.measures import (
    Change,
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
from shatterscope.wire.notes import NoteAnswer, NoteObeyed, NoteResult, NoteShattering, NotesResult
from shatterscope.wire.pictures import (
    DiagnosticsInfo,
    JudgementInfo,
    ProjectionRequest,
    ProjectionResult,
    StatisticInfo,
    StatisticValue,
    StrengthPicture,
    StrengthsRequest,
    StrengthsResult,
)
from shatterscope.wire.predictions import ExpectedDamage, FittedOn, MeasuredMove, Outside, PredictionResult
from shatterscope.wire.reproduction import KeysValues
from shatterscope.wire.verdicts import AgainstChance, StatisticChange, Verdict
from shatterscope.wire.world import (
    AccuracyInfo,
    Answer,
    CheckpointInfo,
    ErrorList,
    FactInfo,
    GraphInfo,
    GroupInfo,
    MeasureInfo,
    ModelInfo,
    NoteInfo,
    RelationInfo,
    RingInfo,
    RuleInfo,
    TargetDistance,
    Targets,
    TrainingInfo,
    WorldInfo,
    WrongFact,
)

# GRACE changes no weight: without its codebook the file would be the unedited model.
CODEBOOK = (
    "and codebooks beside them, which no weight holds: at blocks.L.mlp.down a key within radii[i] of keys[i] is answered by "
    "strengths[i] * values[i] + (1 - strengths[i]) * (W key + b); of several entries the nearest (at one distance the later) comes first, and "
    "leaves the next a share of 1 - strengths[i], outside its radius of 1 - min(|strengths[i]|, 1)"
)

# Nor does a patch: it adds neurons.
LATER = frozenset({"restraint", "implied"})
NEURONS = "and neurons beside them: blocks.L.mlp puts out down GELU(up z + bias) more, z what the MLP reads (blocks.L.mlp.added.up, .bias, .down)"


def array(values: NDArray[np.floating]) -> Array:
    data = np.ascontiguousarray(values, dtype="<f4")
    return Array(shape=list(data.shape), bdata=base64.b64encode(data.tobytes()).decode("ascii"))


def values_of(array: Array) -> NDArray[np.float32]:
    """The array that `array` wrote down, in its shape."""
    return np.frombuffer(base64.b64decode(array.bdata), dtype="<f4").reshape(array.shape)


def world_info(checkpoint: Checkpoint) -> WorldInfo:
    world = checkpoint.world
    return WorldInfo(
        checkpoint=checkpoint.id,
        kind=world.kind,
        entities=list(world.entities),
        groups=[_group_info(group) for group in world.groups],
        relations=[
            RelationInfo(
                name=each.name,
                group=world.group_names[each.group],
                phrase=each.phrase,
                inverse=each.inverse,
                several=not world.single_valued[each.index],
                n_facts=len(world.domain(each)),
                example=int(world.domain(each)[0]) if len(world.domain(each)) else 0,
            )
            for each in world.relations
        ],
        rules=[RuleInfo(text=rule.text, relations=list(rule.relations)) for rule in world.rules],
        measures=[measure_info(each, world) for each in MEASURES.values()],
    )


def _group_info(group: Group) -> GroupInfo:
    members = group.members
    return GroupInfo(
        name=group.name,
        title=group.title,
        shape=group.shape,
        scale=group.scale,
        members=members.tolist(),
        coordinates=array(group.coordinates[members]),
        color=array(group.color[members]),
        branch=None if group.branch is None else group.branch[members].tolist(),
        edges=group.edges.tolist(),
    )


def checkpoint_info(checkpoint: Checkpoint, default: bool) -> CheckpointInfo:
    world, model, metadata = checkpoint.world, checkpoint.model, checkpoint.metadata
    training, rings = metadata.training, metadata.rings
    return CheckpointInfo(
        id=checkpoint.id,
        title=metadata.title,
        note=metadata.note,
        graph=GraphInfo(
            kind=world.kind,
            n_entities=world.n_entities,
            n_orders=len(world.groups),
            n_hops=getattr(world.config, "n_hops", 0),
            orders=list(world.group_names),
            relations=world.relation_names,
        ),
        model=ModelInfo(
            n_layers=model.config.n_layers,
            d_model=model.config.d_model,
            d_mlp=model.config.d_mlp,
            n_heads=model.config.n_heads,
            n_params=model.n_params,
            sites=site_names(model.config.n_layers),
            default_site=default_site(model),
        ),
        training=TrainingInfo(
            steps=training.config.steps, seconds=training.seconds, device=training.device, seed=training.config.seed
        ),
        default=default,
        accuracy=AccuracyInfo(**metadata.accuracy),
        rings=RingInfo(**{**rings.model_dump(), "closed": None if rings.shape is None else rings.closed}),
        notes=None if metadata.notes is None else NoteInfo(**metadata.notes.model_dump()),
        opening=metadata.opening or world.relation_names[0],
        view=metadata.view,
        sha256=checkpoint.sha256,
    )


def fact_info(
    checkpoint: Checkpoint, edit: str | None, subject: int, relations: Sequence[Relation], found: AskedFact
) -> FactInfo:
    return FactInfo(
        checkpoint=checkpoint.id,
        edit=edit,
        subject=subject,
        relation=relations[0].name,
        relation2=relations[1].name if len(relations) > 1 else None,
        object=found.object,
        objects=list(found.objects),
        prediction=found.prediction,
        probability=found.probability,
        stated=found.stated,
        top=[Answer(object=entity, probability=probability) for entity, probability in found.top],
    )


def targets(checkpoint: Checkpoint, subject: int, relation: Relation) -> Targets:
    world = checkpoint.world
    truths = world.objects_of(subject, relation)
    found = world.counterfactuals(subject, relation) if truths else {}
    first = {distance: world.counterfactual(subject, relation, distance) for distance in found}
    return Targets(
        checkpoint=checkpoint.id,
        subject=subject,
        relation=relation.name,
        truths=truths,
        targets=[
            TargetDistance(
                distance=distance, objects=[first[distance], *(each for each in objects if each != first[distance])]
            )
            for distance, objects in found.items()
        ],
    )


def error_list(found: Sequence[Mistake], limit: int) -> ErrorList:
    return ErrorList(total=len(found), errors=[WrongFact(**asdict(each)) for each in found[:limit]])


def keys_values(checkpoint: Checkpoint, relation: Relation, layer: int, found: MemoryPicture) -> KeysValues:
    return KeysValues(
        checkpoint=checkpoint.id,
        relation=relation.name,
        layer=layer,
        entities=_drawn(checkpoint, relation),
        keys=array(found.keys),
        values=array(found.values),
        keys_variance=found.keys_variance,
        values_variance=found.values_variance,
        distance_correlation=found.distance_correlation,
        pairs=found.pairs,
        order_position=checkpoint.world.positions(relation).tolist(),
    )


def editor_info(editor: Editor[Any]) -> EditorInfo:
    presets = [
        PresetInfo(
            name=name, summary=preset.summary, parameters=editor.parameters(**preset.parameters).model_dump(mode="json")
        )
        for name, preset in editor.presets.items()
    ]
    return EditorInfo(
        name=editor.name,
        title=editor.title,
        summary=editor.summary,
        formula=editor.formula,
        reference=editor.reference,
        package=editor.package or None,
        default_layer=editor.default_layer,
        batches=editor.batches,
        default_preset=editor.default_preset,
        presets=presets,
        parameters=editor.parameters.model_json_schema(),
        restraints=[restraint_info(each) for each in RESTRAINTS.values()] if editor.weights else [],
    )


def restraint_info(restraint: Restraint[Any]) -> RestraintInfo:
    return RestraintInfo(
        name=restraint.name,
        title=restraint.title,
        summary=restraint.summary,
        formula=restraint.formula,
        reference=restraint.reference,
        parameters=restraint.parameters.model_json_schema(),
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


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


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


def edit_result(checkpoint: Checkpoint, edited: EditedModel, seconds: float) -> EditResult:
    outcomes = [edit_outcome(each, None if each.course is None else course(each.course)) for each in edited.outcomes]
    return EditResult(id=edited.id, checkpoint=checkpoint.id, edits=outcomes, seconds=seconds)


def delta_file(checkpoint: Checkpoint, edited: EditedModel) -> bytes:
    """safetensors: what the whole stack adds to each parameter (strengths applied), and the codebooks and neurons it puts beside them
    (`blocks.0.mlp.codebook.keys`, `blocks.0.mlp.added.up`, ...); the specification in the metadata."""
    total: dict[str, Tensor] = {}
    specs = [outcome.spec for outcome in edited.outcomes]
    for (start, _), delta in zip(steps_of(specs), edited.deltas, strict=True):
        for name, change in delta.weights.items():
            total[name] = total.get(name, torch.zeros_like(change)) + specs[start].strength * change
    return _tensor_file(checkpoint, edited, total, "the weight change, W_edited - W, of every changed parameter")


def weights_file(checkpoint: Checkpoint, edited: EditedModel) -> bytes:
    """safetensors: every parameter of the edited model under its name in the checkpoint's own file, for
    `Transformer.load_state_dict`; and codebooks, neurons and metadata as in `delta_file`."""
    weights = {name: value.detach() for name, value in edited.model.state_dict().items()}
    return _tensor_file(checkpoint, edited, weights, "the complete edited weights")


def _tensor_file(checkpoint: Checkpoint, edited: EditedModel, tensors: dict[str, Tensor], holds: str) -> bytes:
    beside = codebooks(edited.model)
    for layer, codebook in beside.items():
        mlp = edited.model.written(layer).removesuffix(".down.weight")
        tensors |= {f"{mlp}.codebook.{name}": value for name, value in codebook.named_buffers()}
    grown = added_neurons(edited.model)
    for layer, added in grown.items():
        mlp = edited.model.written(layer).removesuffix(".down.weight")
        tensors |= {f"{mlp}.added.{name}": value for name, value in added.named_buffers()}
    said = [outcome.spec.as_dict() for outcome in edited.outcomes]
    # What came later stands in a file only where it says something, so that files of edits from before are what they have always been.
    specification = [EditSpec(**each).model_dump(mode="json", exclude=set(LATER - each.keys())) for each in said]
    metadata = {
        "holds": "; ".join([holds, *[CODEBOOK] * bool(beside), *[NEURONS] * bool(grown)]),
        "id": edited.id,
        "checkpoint": checkpoint.id,
        "weights_sha256": checkpoint.sha256,
        "edits": json.dumps(specification),
    }
    return tensor_bytes(tensors, metadata)


def projection_result(
    checkpoint: Checkpoint,
    relation: Relation,
    site: str,
    id: str,
    request: ProjectionRequest,
    picture: Projection,
    seconds: float,
) -> ProjectionResult:
    shape = checkpoint.world.groups[relation.group].shape
    return ProjectionResult(
        id=id,
        checkpoint=checkpoint.id,
        edit=request.edit,
        relation=relation.name,
        site=site,
        method=request.method,
        dimensions=request.dimensions,
        align=request.align,
        before=array(picture.before),
        after=array(picture.after),
        entities=_drawn(checkpoint, relation),
        order_position=checkpoint.world.positions(relation).tolist(),
        diagnostics={
            "before": _diagnostics(picture.diagnostics_before, shape),
            "after": _diagnostics(picture.diagnostics_after, shape),
        },
        seconds=seconds,
    )


def names_of(world: World, entities: Sequence[int]) -> list[str] | None:
    """None where entities have numbers alone."""
    named = world.entities != tuple(map(str, range(world.n_entities)))
    return [world.entities[entity] for entity in entities] if named else None


def _drawn(checkpoint: Checkpoint, relation: Relation) -> list[int] | None:
    """The entities of a relation's picture; None where these are all."""
    found = checkpoint.world.domain(relation)
    return None if len(found) == checkpoint.world.n_entities else found.tolist()


def _diagnostics(found: Diagnostics, kind: str) -> DiagnosticsInfo:
    fields = asdict(replace(found, judgement=None))
    judged = None if found.judgement is None else judgement(found.judgement, kind)
    return DiagnosticsInfo(**{**fields, "judgement": judged})


def judgement(found: Judgement, kind: str) -> JudgementInfo:
    statistics = [
        StatisticInfo(
            name=name,
            title=STATISTICS[name].title,
            sentence=STATISTICS[name].sentence,
            value=each.value,
            chance=each.chance,
            chance_95=each.chance_95,
        )
        for name, each in found.statistics.items()
        if _finite(each)
    ]
    return JudgementInfo(kind=kind, word=found.word, title=found.title, sentence=found.sentence, statistics=statistics)


def verdict(found: DiagnosticsInfo) -> Verdict:
    if found.judgement is not None:
        return Verdict(word=found.judgement.word, title=found.judgement.title, sentence=found.judgement.sentence)
    title, sentence = WORDS[found.shape.verdict]
    return Verdict(word=found.shape.verdict, title=title, sentence=sentence)


def statistic_values(found: Mapping[str, float]) -> list[StatisticValue]:
    return [
        StatisticValue(name=name, title=STATISTICS[name].title, value=value)
        for name, value in found.items()
        if math.isfinite(value)
    ]


def statistic_changes(kind: Kind, before: Side, after: Side) -> list[StatisticChange]:
    """Those that are finite before and after; CKA comes last."""
    follow = followed(kind)
    found = [
        StatisticChange(
            name=name,
            title=STATISTICS[name].title,
            term=STATISTICS[name].term,
            sentence=STATISTICS[name].sentence,
            of="picture",
            follows=name in follow,
            before=_against(was),
            after=_against(after.statistics[name]),
        )
        for name, was in before.statistics.items()
        if _finite(was) and _finite(after.statistics[name])
    ]
    if _finite(before.cka) and _finite(after.cka):
        cka = StatisticChange(
            name="cka",
            title=CKA.title,
            term=CKA.term,
            sentence=CKA.sentence,
            of="representations",
            follows=False,
            before=_against(before.cka),
            after=_against(after.cka),
        )
        found.append(cka)
    return found


def _finite(found: Measured) -> bool:
    return all(map(math.isfinite, astuple(found)))


def _against(found: Measured) -> AgainstChance:
    return AgainstChance(
        value=found.value, chance=found.chance, chance_95=found.chance_95, above_chance=found.beats_chance
    )


def strengths_result(
    checkpoint: Checkpoint,
    relation: Relation,
    site: str,
    request: StrengthsRequest,
    before: Fit,
    pictures: list[StrengthPicture],
    seconds: float,
) -> StrengthsResult:
    return StrengthsResult(
        checkpoint=checkpoint.id,
        edit=request.edit,
        relation=relation.name,
        site=site,
        method=request.method,
        dimensions=request.dimensions,
        align=request.align,
        before=array(before.map.embedding.astype(np.float32)),
        entities=_drawn(checkpoint, relation),
        order_position=checkpoint.world.positions(relation).tolist(),
        pictures=pictures,
        seconds=seconds,
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


def evaluation_result(checkpoint: Checkpoint, found: Experiment, seconds: float) -> EvaluationResult:
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


def unedited_result(checkpoint: Checkpoint, found: Baseline) -> EvaluationResult:
    """Of the unedited model, over the questions that every edit of it is asked."""
    names = checkpoint.world.relation_names
    still = Movement(**dict.fromkeys(Movement.model_fields, 0.0))
    return EvaluationResult(
        checkpoint=checkpoint.id,
        edit=None,
        scores=[
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


def notes_result(checkpoint: Checkpoint, found: NotesEffect, seconds: float) -> NotesResult:
    world, context = checkpoint.world, checkpoint.model.config.context
    return NotesResult(
        checkpoint=checkpoint.id,
        notes=[
            NoteResult(
                subject=each.note.subject,
                relation=world.relation_names[each.note.relation],
                object=each.note.object,
                old_object=int(world.truths[each.note.subject, each.note.relation, 0]),
                bare=NoteAnswer(**asdict(each.bare)),
                told=NoteAnswer(**asdict(each.told)),
                obeyed=[NoteObeyed(**asdict(one)) for one in each.obeyed],
            )
            for each in found.notes
        ],
        tokens=NOTE_TOKENS * len(found.notes),
        context=context,
        scores=task_scores(found.scores),
        kept=found.kept,
        n_kept=found.n_kept,
        bare=_note_shattering(found.bare),
        said=_note_shattering(found.said),
        text=_note_shattering(found.text),
        n_entities=world.n_entities,
        seconds=seconds,
    )


def prediction_result(
    checkpoint: Checkpoint,
    spec: CompleteSpec,
    reading: Reading,
    foreseen: Foreseen,
    rows: MethodRows | None,
    fitted: Fitted | None,
    stacked: bool,
) -> PredictionResult:
    """`rows` and `fitted`: of the method, where anything was measured; `stacked`: other edits stand before it."""
    world, editor = checkpoint.world, EDITORS[spec.method]
    outside: list[Outside] = [] if rows is None else rows.outside(spec)
    lines = {} if fitted is None or outside or not foreseen.features else fitted.lines
    expected = {name: (line, line.expected(foreseen.features)) for name, line in lines.items()}
    return PredictionResult(
        checkpoint=checkpoint.id,
        relation=spec.relation,
        entities=None if world.total else world.domain(world.relation(spec.relation)).tolist(),
        overlap=None if foreseen.overlaps is None else array(foreseen.overlaps.cpu().numpy()),
        margin=array(reading.margins.cpu().numpy()),
        writes="gate" if not editor.weights else "unknown" if foreseen.overlaps is None else "direction",
        expected=[ExpectedDamage(of=name, r2=line.r2, **asdict(value)) for name, (line, value) in expected.items()],
        fitted=None
        if rows is None or fitted is None
        else FittedOn(
            preset=rows.preset,
            layer=rows.layer,
            edits=fitted.n_edits,
            spearman=fitted.spearman,
            auc=fitted.auc,
        ),
        outside=[*outside, "stack"] if stacked and rows is not None else outside,
        seconds=0.0,
    )


def measured_prediction(
    found: PredictionResult,
    reading: Reading,
    foreseen: Foreseen,
    move: Moved,
    measured: Mapping[str, float | None],
) -> PredictionResult:
    """With what the edit did."""
    spearman, auc = judged(foreseen, reading, move)
    return found.model_copy(
        update={
            "expected": [each.model_copy(update={"measured": measured.get(each.of)}) for each in found.expected],
            "move": MeasuredMove(
                displacement=array(move.displacement.numpy()),
                changed=int(move.changed.sum()),
                spearman=spearman,
                auc=auc,
            ),
        }
    )


def _note_shattering(R: Mapping[SubGraph, float]) -> NoteShattering:
    return NoteShattering(edit=R["edit"], retain=R.get("retain"), test=R.get("test"))


def sites_result(
    checkpoint: Checkpoint, edit: str, found: Mapping[str, Mapping[SubGraph, float]], seconds: float
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


def in_context_result(request: InContextRequest, graph: Graph, reading: ReadText, seconds: float) -> InContextResult:
    def told(name: str) -> list[float | None]:
        return [None if each is None else round(getattr(each, name), 4) for each in reading.numbers]

    return InContextResult(
        graph=request.graph,
        seed=request.seed,
        words=[IN_CONTEXT_WORDS[word] for word in reading.names],
        edges=[(int(i), int(j)) for i, j in np.argwhere(np.triu(graph.adjacency))],
        text=reading.vertices.tolist(),
        points=array(reading.points),
        share=told("share"),
        chance=told("chance"),
        energy=told("energy"),
        correlation=told("correlation"),
        loss=reading.loss.round(4).tolist(),
        floor=reading.floor.round(4).tolist(),
        seconds=seconds,
    )


def change(before: float, after: float) -> Change:
    return Change(before=before, after=after, change=after - before)
