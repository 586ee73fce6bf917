"""What an edit does: representations, their pictures, recall and reasoning."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.responses import Response

from shatterscope.backend.api import measures, notes, placements, predictions, verdicts
from shatterscope.backend.api.dependencies import LaboratoryDep
from shatterscope.backend.api.problems import ProblemError
from shatterscope.wire.measures import EvaluationRequest, EvaluationResult, SitesRequest, SitesResult
from shatterscope.wire.notes import NotesRequest, NotesResult
from shatterscope.wire.pictures import (
    ActivationRequest,
    Activations,
    ProjectionRequest,
    ProjectionResult,
    StrengthsRequest,
    StrengthsResult,
)
from shatterscope.wire.placements import PlacementsRequest, PlacementsResult
from shatterscope.wire.predictions import PredictionRequest, PredictionResult
from shatterscope.wire.verdicts import VerdictsResult

router = APIRouter(tags=["measures"])


@router.post("/activations")
async def get_activations(laboratory: LaboratoryDep, request: ActivationRequest) -> Activations:
    """(n_entities, d_model): the representation of every entity at the relation token of the prompt `entity relation`."""
    return await measures.get_activations(laboratory, request)


@router.post("/projections")
async def get_projection(laboratory: LaboratoryDep, request: ProjectionRequest) -> ProjectionResult:
    """Pictures before and after the edit, (n_entities, dimensions) each; without an edit both are the same."""
    return await measures.get_projection(laboratory, request)


@router.post("/projections/strengths")
async def get_strengths(laboratory: LaboratoryDep, request: StrengthsRequest) -> StrengthsResult:
    """Pictures after the edit with its last step at other strengths, (n_entities, dimensions) each, as POST /projections draws them: what a slider
    needs while it is dragged."""
    return await measures.get_strengths(laboratory, request)


@router.post("/verdicts")
async def get_verdicts(laboratory: LaboratoryDep, request: ProjectionRequest) -> VerdictsResult:
    """Whether the pictures of POST /projections still have the shape of their world: each number that fits it before and after the edit, against
    shuffled entities."""
    return await verdicts.get_verdicts(laboratory, request)


@router.get("/projections/{id}", response_model=ProjectionResult)
async def get_served_projection(
    laboratory: LaboratoryDep,
    id: Annotated[str, Path(description="id of a projection, as returned by POST /projections")],
    accept_encoding: Annotated[str, Header()] = "",
) -> Response:
    """A projection that was computed, under an address whose content never changes: browsers and proxies may keep it."""
    served = await measures.served_projection(laboratory, id)
    if served is None:
        raise ProblemError(404, f"projection {id!r} is not here any more; POST /projections computes it again")
    plain, compressed = served
    zipped = "gzip" in accept_encoding
    # Weak: the same numbers, compressed or not, and with the time that it took on this server.
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'W/"{id}"', "Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(compressed if zipped else plain, media_type="application/json", headers=headers)


@router.post("/evaluations")
async def evaluate(laboratory: LaboratoryDep, request: EvaluationRequest) -> EvaluationResult:
    """Accuracy and probability by task and order, R(D*) by relation and sub-graph, damage by distance, ripple facts.

    Without an edit: the unedited model, over the very questions that an edited one is asked with the same numbers."""
    return await measures.get_evaluation(laboratory, request)


@router.post("/evaluations/sites")
async def get_sites(laboratory: LaboratoryDep, request: SitesRequest) -> SitesResult:
    """R(D*) of an edit at each site of the model, by sub-graph: where it is read decides its size. At the last layer's `resid_post` it is the R of
    POST /evaluations."""
    return await measures.get_sites(laboratory, request)


@router.post("/evaluations/placements")
async def get_placements(laboratory: LaboratoryDep, request: PlacementsRequest) -> PlacementsResult:
    """Where a fact can be written: the last edit of a stack made at every layer and token, and whether it took there, R(D*) and direct recall as
    POST /evaluations has them. What the method cannot do is told with the reason."""
    return await placements.get_placements(laboratory, request)


@router.post("/evaluations/notes")
async def get_notes(laboratory: LaboratoryDep, request: NotesRequest) -> NotesResult:
    """Facts told before the question instead of edited into the weights: behind how much text they are still obeyed, what they cost in context and in
    other answers, and R(D*), which is 0 on the bare prompt. A model has to be taught to obey notes, as the recipe `rings-notes` does."""
    return await notes.get_notes(laboratory, request)


@router.post("/predictions")
async def get_predictions(laboratory: LaboratoryDep, request: PredictionRequest) -> PredictionResult:
    """What the last of the edits will do, before any weight changes: how far each entity will move, by the overlap of its key with the direction
    that the method writes along, and the expected R(D*) and loss of recall with their error, where edits by the method were measured on this
    checkpoint (`shatterscope predict`). With `measured`, beside what it did."""
    return await predictions.get_predictions(laboratory, request)
