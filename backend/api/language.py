"""What an edit did to a language model. Each model is asked everything once, from the first layer that the edit changed; all numbers are read from that.

What the unedited model holds and answers is kept beside it (`spoken/readings.py`): a page opens without it in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shatterscope.backend import convert
from shatterscope.backend.activations import default_site, in_words
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.edits import EditedModel
from shatterscope.backend.evaluation import ring_means
from shatterscope.backend.evaluation.sites import site_shattering
from shatterscope.backend.experiment import Experiment
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.measuring import (
    SpokenBaseline,
    measure_baseline,
    measure_geometry,
    measure_recall,
    still_predicts,
)
from shatterscope.backend.spoken.readings import reading_of
from shatterscope.backend.spoken.survey import Kept, Survey, entering, first_changed, survey
from shatterscope.backend.worlds import Relation
from shatterscope.wire.measures import EvaluationResult, SitesResult


async def get_points(
    laboratory: Laboratory,
    checkpoint: LanguageCheckpoint,
    edited: EditedModel | None,
    relation: Relation,
    site: str,
    wording: int | None,
) -> NDArray[np.float32]:
    """(n, d_model) of the names that `relation` is asked of."""
    place = f"{relation.name}/{site}/{wording}"
    if edited is None:
        return await laboratory.compute(
            f"reading/{checkpoint.identity}/{place}",
            lambda: reading_of(checkpoint.readings.at(relation, site), wording).numpy(),
        )
    if site == default_site(edited.model):
        found = await get_survey(laboratory, checkpoint, edited)
        return reading_of(found.asked[relation.index].representations, wording).cpu().numpy()
    layer, kept = await get_entering(laboratory, checkpoint, edited)

    def job() -> NDArray[np.float32]:
        asked = in_words(edited.model, checkpoint.world, relation, [site], start=layer, entering=kept[relation.index])
        # Where the edit is behind the site, nothing there has changed.
        found = asked.get(site, checkpoint.readings.at(relation, site))
        return reading_of(found, wording).cpu().numpy()

    return await laboratory.compute(f"reading/{edited.id}/{place}", job)


async def get_entering(laboratory: Laboratory, checkpoint: LanguageCheckpoint, edited: EditedModel) -> tuple[int, Kept]:
    """The first layer that an edit changed, and what enters it."""
    layer = await laboratory.compute(f"changed/{edited.id}", lambda: first_changed(checkpoint.model, edited.model))
    kept = await laboratory.compute(
        f"entering/{checkpoint.identity}/{layer}", lambda: entering(checkpoint.model, checkpoint.world, layer)
    )
    return layer, kept


async def get_survey(laboratory: Laboratory, checkpoint: LanguageCheckpoint, edited: EditedModel) -> Survey:
    layer, kept = await get_entering(laboratory, checkpoint, edited)
    return await laboratory.compute(f"survey/{edited.id}", lambda: survey(edited.model, checkpoint.world, layer, kept))


async def get_evaluation(
    laboratory: Laboratory, checkpoint: LanguageCheckpoint, edited: EditedModel | None
) -> EvaluationResult:
    baseline = await get_baseline(laboratory, checkpoint)
    if edited is None:
        return convert.unedited_language_result(checkpoint, baseline)
    start = time.perf_counter()
    after, perplexity = await asyncio.gather(
        get_survey(laboratory, checkpoint, edited),
        laboratory.compute(f"perplexity/{edited.id}", lambda: still_predicts(edited.model, checkpoint)),
    )
    found = await laboratory.compute(
        f"measured/{edited.id}",
        lambda: Experiment(
            edited,
            measure_geometry(checkpoint, edited, baseline, after),
            measure_recall(checkpoint, edited, baseline, after),
        ),
    )
    result = convert.evaluation_result(checkpoint, found, time.perf_counter() - start)
    return result.model_copy(update={"language": convert.language_change(checkpoint, baseline, after, perplexity)})


async def get_baseline(laboratory: Laboratory, checkpoint: LanguageCheckpoint) -> SpokenBaseline:
    return await laboratory.compute(f"baseline/{checkpoint.identity}", lambda: measure_baseline(checkpoint))


async def get_sites(
    laboratory: Laboratory, checkpoint: LanguageCheckpoint, edited: EditedModel, sites: Sequence[str], id: str
) -> SitesResult:
    layer, kept = await get_entering(laboratory, checkpoint, edited)
    world = checkpoint.world
    group = world.relation(edited.made[-1].spec.relation).group

    def job() -> SitesResult:
        start = time.perf_counter()
        found = site_shattering(
            sites,
            (
                {site: reading_of(checkpoint.readings.at(relation, site), None) for site in sites}
                for relation in world.relations
            ),
            (
                {
                    site: reading_of(x, None)
                    for site, x in in_words(
                        edited.model, world, relation, sites, start=layer, entering=kept[relation.index]
                    ).items()
                }
                for relation in world.relations
            ),
        )
        means = {site: ring_means(world, group, R) for site, R in found.items()}
        return convert.sites_result(checkpoint, id, means, time.perf_counter() - start)

    return await laboratory.compute(f"sites/{edited.id}/{'+'.join(sites)}", job)
