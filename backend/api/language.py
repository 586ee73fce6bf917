"""What an edit did to a language model. Each model is asked everything once, from the first layer that the edit changed; all numbers are read from that."""

from __future__ import annotations

import asyncio
import time

from shatterscope.backend import convert
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.edits import EditedModel
from shatterscope.backend.experiment import Experiment
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.measuring import (
    SpokenBaseline,
    measure_baseline,
    measure_geometry,
    measure_recall,
    still_predicts,
)
from shatterscope.backend.spoken.survey import entering, first_changed, survey
from shatterscope.wire.measures import EvaluationResult


async def get_evaluation(
    laboratory: Laboratory, checkpoint: LanguageCheckpoint, edited: EditedModel | None
) -> EvaluationResult:
    baseline = await get_baseline(laboratory, checkpoint)
    if edited is None:
        return convert.unedited_language_result(checkpoint, baseline)
    start = time.perf_counter()
    model = edited.model
    layer = first_changed(checkpoint.model, model)

    async def asked() -> Experiment:
        kept = await laboratory.compute(
            f"entering/{checkpoint.identity}/{layer}", lambda: entering(checkpoint.model, checkpoint.world, layer)
        )
        after = await laboratory.compute(f"survey/{edited.id}", lambda: survey(model, checkpoint.world, layer, kept))
        return Experiment(
            edited,
            measure_geometry(checkpoint, edited, baseline, after),
            measure_recall(checkpoint, edited, baseline, after),
        )

    found, perplexity = await asyncio.gather(
        asked(), laboratory.compute(f"perplexity/{edited.id}", lambda: still_predicts(model, checkpoint))
    )
    after = await laboratory.compute(f"survey/{edited.id}", lambda: survey(model, checkpoint.world))
    result = convert.evaluation_result(checkpoint, found, time.perf_counter() - start)
    return result.model_copy(update={"language": convert.language_change(checkpoint, baseline, after, perplexity)})


async def get_baseline(laboratory: Laboratory, checkpoint: LanguageCheckpoint) -> SpokenBaseline:
    return await laboratory.compute(f"baseline/{checkpoint.identity}", lambda: measure_baseline(checkpoint))
