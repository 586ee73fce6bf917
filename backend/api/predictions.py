"""What an edit will do, before it is made: fast enough to be asked while the controls are turned."""

from __future__ import annotations

import time
from dataclasses import dataclass

from shatterscope.backend import convert
from shatterscope.backend.api.costs import too_much, work_of
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.measures import get_evaluation
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.edits import CompleteSpec, EditError, SoFar, edit_id
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.prediction.fit import LOSS, Fitted
from shatterscope.backend.prediction.foresee import Foreseen, Reading, foresee, group_moments, read, token_of
from shatterscope.backend.prediction.sampled import Moved, moved
from shatterscope.backend.prediction.shipped import MethodRows, PredictionsError, load
from shatterscope.backend.worlds import Relation
from shatterscope.wire.measures import EvaluationRequest
from shatterscope.wire.predictions import PredictionRequest, PredictionResult


@dataclass(frozen=True)
class Standing:
    """The model that an edit will be made on."""

    model: LanguageModel
    so_far: SoFar
    key: str  # of all that is read from it


async def get_predictions(laboratory: Laboratory, request: PredictionRequest) -> PredictionResult:
    start = time.perf_counter()
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    *before, spec = [laboratory.complete(checkpoint, each, f"body.edits.{i}") for i, each in enumerate(request.edits)]
    if (work := work_of([*before, spec])) > laboratory.settings.work_limit:
        raise invalid("body.edits", too_much(work, laboratory.settings.work_limit))
    before = [each for each in before if each.strength]
    standing = await _standing(laboratory, checkpoint, before)
    relation = checkpoint.world.relation(spec.relation)
    reading = await _reading(laboratory, checkpoint, standing, relation, spec)
    moments = await laboratory.compute(
        f"moments/{checkpoint.identity}/{spec.layer}",
        lambda: group_moments(checkpoint.model, checkpoint.world, spec.layer),
    )
    problem = ""
    try:
        foreseen: Foreseen = await laboratory.compute(
            f"foreseen/{edit_id(checkpoint, [*before, spec])}",
            lambda: foresee(checkpoint, spec, standing.so_far, standing.model, reading, moments),
        )
    except ValueError as error:
        foreseen, problem = Foreseen(None), str(error)
    try:
        rows, fitted = await _fitted(laboratory, checkpoint, spec.method)
    except PredictionsError as error:
        rows, fitted, problem = None, None, str(error)
    found = convert.prediction_result(checkpoint, spec, reading, foreseen, rows, fitted, bool(before))
    if request.measured:
        found = await _measured(laboratory, checkpoint, found, [*before, spec], standing, reading, foreseen)
    return found.model_copy(update={"problem": problem, "seconds": time.perf_counter() - start})


async def _standing(laboratory: Laboratory, checkpoint: Checkpoint, before: list[CompleteSpec]) -> Standing:
    if not before:
        return Standing(checkpoint.model, SoFar(checkpoint.model), checkpoint.identity)
    try:
        edited = (await laboratory.make(checkpoint, before)).edited
    except EditError as error:
        raise invalid(f"body.{error.field}", error.message) from None
    assert edited.so_far is not None
    return Standing(edited.model, edited.so_far, edited.id)


async def _reading(
    laboratory: Laboratory, checkpoint: Checkpoint, standing: Standing, relation: Relation, spec: CompleteSpec
) -> Reading:
    token = token_of(spec)
    return await laboratory.compute(
        f"reading/{standing.key}/{relation.name}/{spec.layer}/{token}",
        lambda: read(standing.model, checkpoint.world, relation, spec.layer, token),
    )


async def _fitted(
    laboratory: Laboratory, checkpoint: Checkpoint, method: str
) -> tuple[MethodRows | None, Fitted | None]:
    """What was measured of a method, and the lines. The file is read once; a server that runs has to be started again to see another."""
    folder = laboratory.settings.models_dir / checkpoint.id
    shipped = await laboratory.compute(
        f"predictions/{checkpoint.id}/{checkpoint.identity}", lambda: load(folder, checkpoint)
    )
    rows = None if shipped is None else shipped.methods.get(method)
    if rows is None:
        return None, None
    return rows, await laboratory.compute(f"fitted/{checkpoint.id}/{checkpoint.identity}/{method}", rows.fitted)


async def _measured(
    laboratory: Laboratory,
    checkpoint: Checkpoint,
    found: PredictionResult,
    specs: list[CompleteSpec],
    standing: Standing,
    reading: Reading,
    foreseen: Foreseen,
) -> PredictionResult:
    """With what the edit did: to each entity beside the edits before it, R and the loss of an edit that is alone."""
    try:
        edited = (await laboratory.make(checkpoint, specs)).edited
    except EditError as error:
        raise invalid(f"body.{error.field}", error.message) from None
    relation = checkpoint.world.relation(specs[-1].relation)

    def job() -> Moved:
        return moved(standing.model, edited.model, checkpoint.world, relation, reading)

    move = await laboratory.compute(f"moved/{edited.id}", job)
    measured: dict[str, float | None] = {}
    if len(specs) == 1:
        whole = await get_evaluation(laboratory, EvaluationRequest(checkpoint=checkpoint.id, edit=edited.id))
        lost = [-score.accuracy.change for score in whole.scores if score.task == "direct"]
        measured = {part: getattr(whole.shattering, part) for part in ("edit", "retain", "test")}
        measured[LOSS] = sum(lost) / len(lost) if lost else None
    return convert.measured_prediction(found, reading, foreseen, move, measured)
