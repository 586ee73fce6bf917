"""What an edit does: representations, their pictures, recall and reasoning."""

from __future__ import annotations

from fastapi import APIRouter

from backend.api import measures
from backend.api.dependencies import LaboratoryDep
from backend.schemas import (
    ActivationRequest,
    Activations,
    EvaluationRequest,
    EvaluationResult,
    ProjectionRequest,
    ProjectionResult,
)

router = APIRouter(tags=["measures"])


@router.post("/activations")
async def get_activations(laboratory: LaboratoryDep, request: ActivationRequest) -> Activations:
    """(n_entities, d_model): the representation of every entity at the relation token of the prompt `entity relation`."""
    return await measures.get_activations(laboratory, request)


@router.post("/projections")
async def get_projection(laboratory: LaboratoryDep, request: ProjectionRequest) -> ProjectionResult:
    """Pictures before and after the edit, (n_entities, dimensions) each; without an edit both are the same."""
    return await measures.get_projection(laboratory, request)


@router.post("/evaluations")
async def evaluate(laboratory: LaboratoryDep, request: EvaluationRequest) -> EvaluationResult:
    """Accuracy and probability by task and order, R(D*) by relation and sub-graph, damage by distance, ripple facts."""
    return await measures.get_evaluation(laboratory, request)
