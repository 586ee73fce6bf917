"""Trained models and what they know."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from shatterscope.backend import convert
from shatterscope.backend.api.dependencies import CheckpointId, LaboratoryDep
from shatterscope.wire.edits import ImpliedFact
from shatterscope.wire.world import CheckpointInfo, ErrorList, FactInfo, KnowledgeInfo, Targets, WorldInfo

router = APIRouter(tags=["checkpoints"])


@router.get("/checkpoints")
async def list_checkpoints(laboratory: LaboratoryDep) -> list[CheckpointInfo]:
    """Every checkpoint that loads, the default one first."""
    return laboratory.checkpoints()


@router.get("/checkpoints/{id}/world")
async def describe_world(laboratory: LaboratoryDep, id: CheckpointId) -> WorldInfo:
    """Entities, groups, relations and rules; names, pictures and colours."""
    return convert.world_info(laboratory.checkpoint(id))


@router.get("/checkpoints/{id}/knowledge")
async def describe_knowledge(laboratory: LaboratoryDep, id: CheckpointId) -> KnowledgeInfo:
    """What a language model knows of its world: every wording of every question, and how well it answers it."""
    return convert.knowledge_info(laboratory.language(id))


@router.get("/checkpoints/{id}/facts")
async def ask_fact(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    subject: Annotated[int, Query(ge=0, description="entity")],
    relation: Annotated[str, Query(description="name such as I_C2")],
    relation2: Annotated[str | None, Query(description="second relation of a composition, of the same order")] = None,
    edit: Annotated[str | None, Query(description="ask the model with this edit instead of the plain one")] = None,
) -> FactInfo:
    """The truth, the model's answer and its top 5."""
    return await laboratory.fact(id, subject, relation, relation2, edit)


@router.get("/checkpoints/{id}/targets")
async def list_targets(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    subject: Annotated[int, Query(ge=0, description="entity")],
    relation: Annotated[str, Query(description="name such as I_C2")],
) -> Targets:
    """The truth, and the objects that can be taught instead, by their distance from it."""
    return await laboratory.targets(id, subject, relation)


@router.get("/checkpoints/{id}/implied")
async def list_implied(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    subject: Annotated[int, Query(ge=0, description="entity")],
    relation: Annotated[str, Query(description="name such as I_C2")],
    object: Annotated[int, Query(ge=0, description="the new object")],
    edit: Annotated[
        str | None, Query(description="as the model with this edit answers instead of the plain one")
    ] = None,
) -> list[ImpliedFact]:
    """What an edit of this fact writes together with it when it is marked `implied`."""
    return await laboratory.implied(id, subject, relation, object, edit)


@router.get("/checkpoints/{id}/errors")
async def list_errors(
    laboratory: LaboratoryDep,
    id: CheckpointId,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> ErrorList:
    """Facts the model gets wrong, the least probable truth first: candidates for corrective edits."""
    return await laboratory.errors(id, limit)
