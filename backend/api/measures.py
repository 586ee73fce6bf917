"""What an edit does: representations, their pictures, recall and reasoning. The unedited side of each is measured once."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time

from backend.activations import activations, default_site
from backend.api import wire
from backend.api.laboratory import Laboratory
from backend.api.problems import invalid
from backend.checkpoints import Checkpoint
from backend.edits import EditedModel
from backend.experiment import Baseline, Experiment, measure_baseline, measure_geometry, measure_recall
from backend.geometry import Fit, compare, fit
from backend.graph import Relation
from backend.model import site_names
from backend.schemas import (
    ActivationRequest,
    Activations,
    EvaluationRequest,
    EvaluationResult,
    ProjectionRequest,
    ProjectionResult,
)


async def get_activations(laboratory: Laboratory, request: ActivationRequest) -> Activations:
    checkpoint, relation, site = _place(laboratory, request)
    edited = await _edited(laboratory, checkpoint, request.edit)
    model = edited.model if edited else checkpoint.model
    values = await laboratory.compute(
        f"activations/{checkpoint.identity}/{edited and edited.id}/{relation.name}/{site}",
        lambda: activations(model, checkpoint.graph.n_entities, relation, site).cpu().numpy(),
    )
    return Activations(
        checkpoint=checkpoint.id, edit=request.edit, relation=relation.name, site=site, values=wire.array(values)
    )


def _place(laboratory: Laboratory, request: ActivationRequest) -> tuple[Checkpoint, Relation, str]:
    """Where a request looks, all known to exist."""
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    relation = laboratory.relation(checkpoint, request.relation, "body.relation")
    site, sites = request.site or default_site(checkpoint.model), site_names(checkpoint.model.config.n_layers)
    if site not in sites:
        raise invalid("body.site", f"unknown site {site!r}; this model has {', '.join(sites)}")
    return checkpoint, relation, site


async def _edited(laboratory: Laboratory, checkpoint: Checkpoint, edit: str | None) -> EditedModel | None:
    return None if edit is None else await laboratory.edited(edit, checkpoint, "body.edit")


async def get_projection(laboratory: Laboratory, request: ProjectionRequest) -> ProjectionResult:
    checkpoint, relation, site = _place(laboratory, request)
    edited = await _edited(laboratory, checkpoint, request.edit)
    model = edited.model if edited else checkpoint.model
    n, positions = checkpoint.graph.n_entities, checkpoint.graph.positions[relation.order]
    place = f"{checkpoint.identity}/{relation.name}/{site}/{request.method}/{request.dimensions}/{request.n_neighbors}"

    def fit_before() -> Fit:
        return fit(
            activations(checkpoint.model, n, relation, site).cpu().numpy(),
            positions,
            method=request.method,
            dimensions=request.dimensions,
            n_neighbors=request.n_neighbors,
        )

    before = await laboratory.compute(f"fit/{place}", fit_before)

    id = hashlib.sha256(f"{place}/{request.align}/{edited and edited.id}".encode()).hexdigest()[:32]

    def job() -> ProjectionResult:
        start = time.perf_counter()
        after = activations(model, n, relation, site).cpu().numpy()
        try:
            picture = compare(before, after, align=request.align)
        except ValueError as error:  # an edit can be strong enough to leave no finite numbers
            raise invalid("body.edit", f"the edited model cannot be drawn: {error}") from None
        return wire.projection_result(checkpoint, relation, site, id, request, picture, time.perf_counter() - start)

    result = await laboratory.compute(f"projection/{id}", job)
    return result.model_copy(update={"checkpoint": checkpoint.id, "edit": request.edit})


async def served_projection(laboratory: Laboratory, id: str) -> tuple[bytes, bytes] | None:
    """JSON of a projection that the server has, plain and compressed, made once; None where it has it no longer."""
    result: ProjectionResult | None = laboratory.cache.peek(f"projection/{id}")
    if result is None:
        return None

    def job() -> tuple[bytes, bytes]:
        plain = result.model_dump_json().encode()
        return plain, gzip.compress(plain, 6, mtime=0)

    return await laboratory.compute(f"served/{id}", job)


async def get_evaluation(laboratory: Laboratory, request: EvaluationRequest) -> EvaluationResult:
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    edited = await _edited(laboratory, checkpoint, request.edit)
    baseline = await _baseline(laboratory, checkpoint, request)
    if edited is None:
        return wire.unedited_result(checkpoint, baseline)

    # Two computations, so that two workers share them.
    start = time.perf_counter()
    geometry, recall = await asyncio.gather(
        laboratory.compute(f"geometry/{edited.id}", lambda: measure_geometry(checkpoint, edited, baseline)),
        laboratory.compute(
            f"recall/{edited.id}/{_asked(request)}", lambda: measure_recall(checkpoint, edited, baseline)
        ),
    )
    found = Experiment(edited, geometry, recall)
    return wire.evaluation_result(checkpoint, found, time.perf_counter() - start)


async def _baseline(laboratory: Laboratory, checkpoint: Checkpoint, request: EvaluationRequest) -> Baseline:
    return await laboratory.compute(
        f"baseline/{checkpoint.identity}/{_asked(request)}",
        lambda: measure_baseline(checkpoint, n_contexts=request.contexts, queries=request.queries, seed=request.seed),
    )


def _asked(request: EvaluationRequest) -> str:
    return f"{request.contexts}/{request.queries}/{request.seed}"


async def warm_up(laboratory: Laboratory) -> None:
    """Compute what the first click on the default checkpoint needs: the pictures and scores of the unedited model."""
    if laboratory.default_id is None:
        return
    checkpoint = laboratory.checkpoint(laboratory.default_id)
    relation = checkpoint.graph.relations[0].name
    await get_projection(laboratory, ProjectionRequest(checkpoint=checkpoint.id, relation=relation))
    asked = EvaluationRequest(checkpoint=checkpoint.id, edit=None)
    await _baseline(laboratory, checkpoint, asked)
