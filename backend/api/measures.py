"""What an edit does: representations, their pictures, recall and reasoning. The unedited side of each is measured once."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shatterscope.backend import convert
from shatterscope.backend.activations import drawn_activations, read_sites
from shatterscope.backend.api import language
from shatterscope.backend.api.laboratory import Laboratory, model_of
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.checkpoints import AnyCheckpoint
from shatterscope.backend.edits import EditedModel, at_strength, delta_key
from shatterscope.backend.evaluation import ring_means, shattering_at_sites
from shatterscope.backend.experiment import Baseline, Experiment, measure_baseline, measure_geometry, measure_recall
from shatterscope.backend.layouts import belonging, layout_of
from shatterscope.backend.models import LanguageModel, site_names
from shatterscope.backend.pictures import Fit, compare, fit, picture
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.recorded import RecordedCheckpoint
from shatterscope.backend.verdicts import on_the_way
from shatterscope.backend.worlds import Relation, World
from shatterscope.wire.measures import EvaluationRequest, EvaluationResult, Questions, SitesRequest, SitesResult
from shatterscope.wire.pictures import (
    ActivationRequest,
    Activations,
    ProjectionRequest,
    ProjectionResult,
    StrengthPicture,
    StrengthsRequest,
    StrengthsResult,
)


async def get_activations(laboratory: Laboratory, request: ActivationRequest) -> Activations:
    checkpoint, relation, site = place_of(laboratory, request)
    edited = await edited_model(laboratory, checkpoint, request.edit)
    values = await laboratory.compute(
        f"activations/{checkpoint.identity}/{edited and edited.id}/{relation.name}/{site}/{request.wording}",
        lambda: activations_of(model_of(checkpoint, edited), checkpoint.world, relation, site, request.wording),
    )
    return Activations(
        checkpoint=checkpoint.id, edit=request.edit, relation=relation.name, site=site, values=convert.array(values)
    )


def activations_of(
    model: LanguageModel, world: World, relation: Relation, site: str, wording: int | None
) -> NDArray[np.float32]:
    """(n_entities, d_model)"""
    (found,) = read_sites(model, world, [site], [relation], wording)
    values: NDArray[np.float32] = found[site].cpu().numpy()
    return values


def place_of(laboratory: Laboratory, request: ActivationRequest) -> tuple[AnyCheckpoint, Relation, str]:
    """Where a request looks, all known to exist."""
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    relation = laboratory.relation(checkpoint, request.relation, "body.relation")
    layers = checkpoint.shape.n_layers
    site, sites = request.site or f"resid_post.{layers - 1}", site_names(layers)
    if site not in sites:
        raise invalid("body.site", f"unknown site {site!r}; this model has {', '.join(sites)}")
    if request.wording is not None:
        n = len(checkpoint.world.wordings([relation])) if checkpoint.world.worded else 0
        if request.wording >= n:
            raise invalid(
                "body.wording",
                f"{relation.name} is asked in {n} wordings, counted from 0; leave it out for the mean over all",
            )
    return checkpoint, relation, site


async def language_points(
    laboratory: Laboratory,
    checkpoint: AnyCheckpoint,
    request: ActivationRequest,
    relation: Relation,
    site: str,
    edited: EditedModel | None,
    edit: str | None = None,
) -> NDArray[np.float32] | None:
    """Of a language model, whose representations take seconds and are kept; None of others. `edit`: of a recorded one, which has no edited model."""
    if isinstance(checkpoint, RecordedCheckpoint):
        return checkpoint.points(edit, relation, site, request.wording)
    if not isinstance(checkpoint, LanguageCheckpoint):
        return None
    return await language.get_points(laboratory, checkpoint, edited, relation, site, request.wording)


async def edited_model(laboratory: Laboratory, checkpoint: AnyCheckpoint, edit: str | None) -> EditedModel | None:
    """None also where the edit is recorded, and there is no model."""
    if isinstance(checkpoint, RecordedCheckpoint):
        return None
    return None if edit is None else await laboratory.edited(edit, checkpoint, "body.edit")


async def fit_before(laboratory: Laboratory, request: ProjectionRequest) -> tuple[str, Fit]:
    """The unedited points of a request, mapped, and all that their picture depends on."""
    checkpoint, relation, site = place_of(laboratory, request)
    place = f"{checkpoint.identity}/{relation.name}/{site}/{request.method}/{request.dimensions}/{request.n_neighbors}"
    if request.wording is not None:
        place += f"/{request.wording}"

    points = await language_points(laboratory, checkpoint, request, relation, site, edited=None)

    def job() -> Fit:
        return fit(
            drawn_activations(checkpoint.model, checkpoint.world, relation, site).numpy() if points is None else points,
            checkpoint.world.positions(relation),
            method=request.method,
            dimensions=request.dimensions,
            n_neighbors=request.n_neighbors,
            belongs=layout_of(checkpoint.world, relation),
        )

    return place, await laboratory.compute(f"fit/{place}", job)


async def get_projection(laboratory: Laboratory, request: ProjectionRequest) -> ProjectionResult:
    checkpoint, relation, site = place_of(laboratory, request)
    edited = await edited_model(laboratory, checkpoint, request.edit)
    place, before = await fit_before(laboratory, request)
    shown = request.edit if edited is None else edited.id
    id = hashlib.sha256(f"{place}/{request.align}/{shown}".encode()).hexdigest()[:32]
    points = await language_points(laboratory, checkpoint, request, relation, site, edited, request.edit)

    def job() -> ProjectionResult:
        start = time.perf_counter()
        after = points
        if after is None:
            after = drawn_activations(model_of(checkpoint, edited), checkpoint.world, relation, site).numpy()
        try:
            drawn = compare(before, after, align=request.align)
        except ValueError as error:  # an edit can be strong enough to leave no finite numbers
            raise invalid("body.edit", f"the edited model cannot be drawn: {error}") from None
        return convert.projection_result(checkpoint, relation, site, id, request, drawn, time.perf_counter() - start)

    result = await laboratory.compute(f"projection/{id}", job)
    return result.model_copy(update={"checkpoint": checkpoint.id, "edit": request.edit})


async def get_strengths(laboratory: Laboratory, request: StrengthsRequest) -> StrengthsResult:
    """One computation for each strength, so that they do not keep others waiting, and are kept for the next who drags."""
    start = time.perf_counter()
    checkpoint, relation, site = place_of(laboratory, request)
    if isinstance(checkpoint, RecordedCheckpoint):
        checkpoint.not_recorded("an edit at other strengths")
    edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
    specs = [outcome.spec for outcome in edited.outcomes]
    if not specs[-1].strength:
        raise invalid("body.edit", "its last edit is at strength 0 and so not there: make it at another strength first")
    place, before = await fit_before(laboratory, request)
    stack = delta_key(checkpoint.identity, specs)
    kind, layout = belonging(checkpoint.world, relation)

    def draw(strength: float) -> StrengthPicture:
        model = at_strength(checkpoint, edited, strength)
        after = drawn_activations(model, checkpoint.world, relation, site, request.wording).numpy()
        if not np.isfinite(after).all():
            return StrengthPicture(strength=strength, after=None)
        points = picture(before, after, align=request.align)
        statistics = convert.statistic_values(on_the_way(kind, layout, points))
        return StrengthPicture(strength=strength, after=convert.array(points), statistics=statistics)

    pictures = []
    for strength in request.strengths:
        key = f"picture/{place}/{request.align}/{stack}/{strength}"
        pictures.append(await laboratory.compute(key, partial(draw, strength)))
    return convert.strengths_result(checkpoint, relation, site, request, before, pictures, time.perf_counter() - start)


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
    edited = await edited_model(laboratory, checkpoint, request.edit)
    if isinstance(checkpoint, RecordedCheckpoint):
        made = checkpoint.recording
        return made.unedited if request.edit is None else checkpoint.record(request.edit).evaluation
    if isinstance(checkpoint, LanguageCheckpoint):
        return await language.get_evaluation(laboratory, checkpoint, edited)
    baseline = await get_baseline(laboratory, checkpoint, request)
    if edited is None:
        return convert.unedited_result(checkpoint, baseline)

    # Two computations, so that two workers share them.
    start = time.perf_counter()
    geometry, recall = await asyncio.gather(
        laboratory.compute(
            f"geometry/{edited.id}",
            lambda: measure_geometry(checkpoint, edited, baseline, laboratory.cache.peek(f"shattering/{edited.id}")),
        ),
        laboratory.compute(
            f"recall/{edited.id}/{asked(request)}", lambda: measure_recall(checkpoint, edited, baseline)
        ),
    )
    found = Experiment(edited, geometry, recall)
    return convert.evaluation_result(checkpoint, found, time.perf_counter() - start)


async def get_sites(laboratory: Laboratory, request: SitesRequest) -> SitesResult:
    """R at each site asked for: both models are run once for all of them."""
    checkpoint = laboratory.checkpoint(request.checkpoint, "body.checkpoint")
    if isinstance(checkpoint, RecordedCheckpoint):
        checkpoint.not_recorded("R at every site")
    edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
    world, known = checkpoint.world, site_names(checkpoint.shape.n_layers)
    for i, site in enumerate(request.sites or ()):
        if site not in known:
            raise invalid(f"body.sites.{i}", f"unknown site {site!r}; this model has {', '.join(known)}")
    sites = list(dict.fromkeys(request.sites or known))
    order = world.relation(edited.made[-1].spec.relation).group

    if isinstance(checkpoint, LanguageCheckpoint):
        result = await language.get_sites(laboratory, checkpoint, edited, sites, request.edit)
        return result.model_copy(update={"checkpoint": checkpoint.id, "edit": request.edit})

    def job() -> SitesResult:
        start = time.perf_counter()
        found = shattering_at_sites(world, checkpoint.model, edited.model, sites)
        means = {site: ring_means(world, order, R) for site, R in found.items()}
        return convert.sites_result(checkpoint, request.edit, means, time.perf_counter() - start)

    result = await laboratory.compute(f"sites/{edited.id}/{'+'.join(sites)}", job)
    return result.model_copy(update={"checkpoint": checkpoint.id, "edit": request.edit})


async def get_baseline(laboratory: Laboratory, checkpoint: AnyCheckpoint, request: Questions) -> Baseline:
    return await laboratory.compute(
        f"baseline/{checkpoint.identity}/{asked(request)}",
        lambda: measure_baseline(checkpoint, n_contexts=request.contexts, queries=request.queries, seed=request.seed),
    )


def asked(request: Questions) -> str:
    """Of a key: which questions."""
    return f"{request.contexts}/{request.queries}/{request.seed}"


async def warm_up(laboratory: Laboratory) -> None:
    """Compute what the first click on the default checkpoint needs: the pictures and scores of the unedited model."""
    if not laboratory.settings.warm_up or laboratory.default_id is None:
        return
    checkpoint = laboratory.trained(laboratory.default_id)
    relation = checkpoint.world.relations[0].name
    await get_projection(laboratory, ProjectionRequest(checkpoint=checkpoint.id, relation=relation))
    await get_baseline(laboratory, checkpoint, Questions())
