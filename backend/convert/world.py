"""Worlds, checkpoints, facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from shatterscope.backend.activations import default_site
from shatterscope.backend.checkpoints import AnyCheckpoint, Checkpoint, RingReport
from shatterscope.backend.convert.arrays import array
from shatterscope.backend.convert.measures import measure_info
from shatterscope.backend.convert.pictures import _drawn
from shatterscope.backend.evaluation import AskedFact, Mistake
from shatterscope.backend.evaluation.keys_values import MemoryPicture
from shatterscope.backend.measures import MEASURES
from shatterscope.backend.models import site_names
from shatterscope.backend.spoken.checkpoint import Language
from shatterscope.backend.spoken.knowledge import KNOWN
from shatterscope.backend.spoken.recorded import RecordedCheckpoint
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.worlds import Group, Relation, World
from shatterscope.wire.reproduction import KeysValues
from shatterscope.wire.world import (
    AccuracyInfo,
    Answer,
    CheckpointInfo,
    ErrorList,
    FactInfo,
    GraphInfo,
    GroupInfo,
    KnowledgeInfo,
    KnownRelationInfo,
    LanguageInfo,
    ModelInfo,
    NoteInfo,
    RecordingInfo,
    RelationInfo,
    RingInfo,
    RuleInfo,
    TargetDistance,
    Targets,
    ToldWording,
    TrainingInfo,
    WordingInfo,
    WorldInfo,
    WrongFact,
)


def world_info(checkpoint: AnyCheckpoint) -> WorldInfo:
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
                wordings=_wordings(world, each),
            )
            for each in world.relations
        ],
        rules=[RuleInfo(text=rule.text, relations=list(rule.relations)) for rule in world.rules],
        measures=[measure_info(each, world) for each in MEASURES.values()],
    )


def _wordings(world: World, relation: Relation) -> list[WordingInfo]:
    if not isinstance(world, Spoken):
        return []
    return [
        WordingInfo(text=each.text, accuracy=each.accuracy, outright=each.outright)
        for each in world.told[relation.index]
    ]


def language_info(checkpoint: Language) -> CheckpointInfo:
    """Of a language model, which need not be in memory."""
    world, shape, knowledge = checkpoint.world, checkpoint.shape, checkpoint.knowledge
    rings = knowledge.rings or RingReport(neighbor_share={}, winding={}, n_neighbors={}, closed=0)
    return CheckpointInfo(
        id=checkpoint.id,
        title=checkpoint.card.title,
        note=_language_note(checkpoint),
        graph=GraphInfo(
            kind=world.kind,
            n_entities=world.n_entities,
            n_orders=len(world.groups),
            n_hops=0,
            orders=list(world.group_names),
            relations=world.relation_names,
        ),
        model=ModelInfo(
            n_layers=shape.n_layers,
            d_model=shape.d_model,
            d_mlp=shape.d_mlp,
            n_heads=shape.n_heads,
            n_params=shape.n_weights,
            sites=site_names(shape.n_layers),
            default_site=f"resid_post.{shape.n_layers - 1}",
        ),
        training=None,
        language=LanguageInfo(
            family=checkpoint.card.shape["family"],
            licence=checkpoint.card.licence,
            source=checkpoint.card.source,
            recorded=_recorded(checkpoint),
        ),
        default=False,
        accuracy=AccuracyInfo(
            direct=world.accuracy(), logical={}, compositional={}, composition_stated={}, composition_held_out={}
        ),
        rings=RingInfo(**{**rings.model_dump(), "closed": rings.closed}),
        opening=world.relation_names[0],
        view="",
        sha256=checkpoint.sha256,
    )


def _recorded(checkpoint: Language) -> RecordingInfo | None:
    if not isinstance(checkpoint, RecordedCheckpoint):
        return None
    made = checkpoint.recording
    return RecordingInfo(finished=made.provenance.finished, command=made.provenance.command, edits=len(made.records))


def _language_note(checkpoint: Language) -> str:
    shape, world = checkpoint.shape, checkpoint.world
    groups = ", ".join(group.title for group in world.groups)
    return (
        f"A pretrained language model of {shape.n_weights / 1e6:.0f} million weights and {shape.n_layers} layers, asked in words about {groups}. Nothing of it "
        "was taught here, and only wordings that it answers are asked."
    )


def knowledge_info(checkpoint: Language) -> KnowledgeInfo:
    return KnowledgeInfo(
        checkpoint=checkpoint.id,
        known=KNOWN,
        relations=[
            KnownRelationInfo(
                name=each.name,
                group=each.group,
                phrase=each.phrase,
                n_facts=len(each.facts),
                wordings=[
                    ToldWording(
                        text=told.text,
                        accuracy=told.accuracy,
                        outright=told.outright,
                        asked=told.asked,
                        steps=told.steps,
                    )
                    for told in each.wordings
                ],
            )
            for each in checkpoint.knowledge.relations
        ],
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


def checkpoint_info(checkpoint: AnyCheckpoint, default: bool) -> CheckpointInfo:
    if isinstance(checkpoint, Language):
        return language_info(checkpoint)
    assert isinstance(checkpoint, Checkpoint)
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
    checkpoint: AnyCheckpoint, edit: str | None, subject: int, relations: Sequence[Relation], found: AskedFact
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


def targets(checkpoint: AnyCheckpoint, subject: int, relation: Relation) -> Targets:
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


def keys_values(checkpoint: AnyCheckpoint, relation: Relation, layer: int, found: MemoryPicture) -> KeysValues:
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


def names_of(world: World, entities: Sequence[int]) -> list[str] | None:
    """None where entities have numbers alone."""
    named = world.entities != tuple(map(str, range(world.n_entities)))
    return [world.entities[entity] for entity in entities] if named else None
