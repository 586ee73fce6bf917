"""Where one fact can be written: an edit at every layer and token. Every place is a few computations of its own, kept under the keys that edits and
evaluations have: whoever then makes the edit at one of them finds it made, with its R."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from statistics import fmean

from shatterscope.backend.activations import default_site
from shatterscope.backend.api.costs import too_much, work_of
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.measures import asked, get_baseline
from shatterscope.backend.api.problems import invalid
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.convert import change, edit_spec
from shatterscope.backend.edits import CompleteSpec, EditedModel, EditError, PlaceError, check_place
from shatterscope.backend.evaluation import ring_means
from shatterscope.backend.experiment import Baseline, Geometry, TaskChange, measure_shattering
from shatterscope.backend.placements import WritePlace, last_step, measure_effect, place_of, placed, places
from shatterscope.wire.base import SubGraph
from shatterscope.wire.measures import Change, SiteShattering
from shatterscope.wire.placements import Placement, PlacementMade, PlacementRecall, PlacementsRequest, PlacementsResult


async def get_placements(laboratory: Laboratory, request: PlacementsRequest) -> PlacementsResult:
    """The last edit of a stack at every place that its method can write at, and why not at the others.

    Raises:
        ProblemError: 422 for a stack that cannot be made whatever the place, naming the field.
    """
    start = time.perf_counter()
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    try:
        found = await _placements(laboratory, checkpoint, request)
    except EditError as error:
        raise invalid(f"body.{error.field}", error.message) from None
    return found.model_copy(update={"seconds": time.perf_counter() - start})


async def _placements(laboratory: Laboratory, checkpoint: Checkpoint, request: PlacementsRequest) -> PlacementsResult:
    specs, layers = await _stack(laboratory, checkpoint, request), checkpoint.model.config.n_layers
    step = last_step(specs)
    stacks: dict[WritePlace, list[CompleteSpec] | str] = {}
    for place in places(layers):
        try:
            stacks[place] = placed(specs, place, layers)
        except PlaceError as error:
            stacks[place] = error.message
    _check_work(laboratory, request, specs, step[0], [stack for stack in stacks.values() if isinstance(stack, list)])

    baseline = await get_baseline(laboratory, checkpoint, request)
    before = specs[: step[0]]
    if any(spec.strength for spec in before):
        await laboratory.make(checkpoint, before)  # what is wrong with them is the fault of no place
    own, free = place_of(specs[step[-1]]), asyncio.Semaphore(laboratory.settings.workers)

    async def look(place: WritePlace, stack: list[CompleteSpec] | str) -> Placement:
        made, refused = None, stack if isinstance(stack, str) else None
        if not isinstance(stack, str):
            async with free:  # so that many places do not fill the queue
                try:
                    made = await _made(laboratory, checkpoint, stack, step, baseline, asked(request))
                except PlaceError as error:  # found while it was computed
                    refused = error.message
        return Placement(layer=place.layer, token=place.token, own=place == own, refused=refused, made=made)

    looks = [asyncio.create_task(look(place, stack)) for place, stack in stacks.items()]
    try:
        found = await asyncio.gather(*looks)
    finally:
        for each in looks:
            each.cancel()
    questions = baseline.only("direct").queries
    return PlacementsResult(
        checkpoint=checkpoint.id,
        spec=edit_spec(specs[step[-1]]),
        facts=len(step),
        before=sum(bool(spec.strength) for spec in before),
        placements=list(found),
        n_entities=checkpoint.world.n_entities,
        n_relations=checkpoint.world.n_relations // len(checkpoint.world.groups),
        n_queries=sum(map(len, questions.cells)),
        n_contexts=len(questions.contexts),
        seconds=0.0,
    )


async def _stack(laboratory: Laboratory, checkpoint: Checkpoint, request: PlacementsRequest) -> list[CompleteSpec]:
    """The stack that is asked about. Only its last step may be where it cannot be made."""
    if (request.edit is None) == (request.edits is None):
        raise invalid("body.edits", "give exactly one of `edit` and `edits`")
    if request.edit is not None:
        edited = await laboratory.edited(request.edit, checkpoint, "body.edit")
        return [outcome.spec for outcome in edited.outcomes]
    specs = [
        laboratory.complete(checkpoint, spec, f"body.edits.{i}", anywhere=True)
        for i, spec in enumerate(request.edits or ())
    ]
    step = last_step(specs)
    for i, spec in enumerate(specs):
        if i not in step:
            try:
                check_place(spec, checkpoint.model.config.n_layers)
            except PlaceError as error:
                raise EditError(f"edits.{i}.{error.field}", error.message) from None
    return specs


def _check_work(
    laboratory: Laboratory,
    request: PlacementsRequest,
    specs: Sequence[CompleteSpec],
    start: int,
    stacks: Sequence[Sequence[CompleteSpec]],
) -> None:
    work = work_of(specs[:start]) + sum(work_of(stack[start:]) for stack in stacks)
    if work > laboratory.settings.work_limit:
        field = "body.edits" if request.edit is None else "body.edit"
        raise invalid(field, f"at {len(stacks)} places {too_much(work, laboratory.settings.work_limit)}")


async def _made(
    laboratory: Laboratory,
    checkpoint: Checkpoint,
    specs: Sequence[CompleteSpec],
    step: Sequence[int],
    baseline: Baseline,
    questions: str,
) -> PlacementMade:
    edited = (await laboratory.make(checkpoint, specs)).edited
    R, effect = await asyncio.gather(
        _shattering(laboratory, checkpoint, edited, baseline),
        laboratory.compute(f"effect/{edited.id}/{questions}", lambda: measure_effect(checkpoint, edited, baseline)),
    )
    made = [edited.outcomes[i] for i in step]
    last, taken = made[-1], sum(outcome.success for outcome in made)
    finite = {part: value for part, value in R.items() if math.isfinite(value)}
    return PlacementMade(
        edit=edited.id,
        success=taken == len(made),
        taken=taken,
        prediction=last.prediction_after,
        rank=effect.rank,
        probability=last.probability_after if math.isfinite(last.probability_after) else None,
        ended=None if last.course is None else last.course.ended,
        steps=last.steps,
        shattering=SiteShattering(
            site=default_site(checkpoint.model),
            edit=finite.get("edit"),
            retain=finite.get("retain"),
            test=finite.get("test"),
        ),
        recall=_recall(effect.recall),
    )


async def _shattering(
    laboratory: Laboratory, checkpoint: Checkpoint, edited: EditedModel, baseline: Baseline
) -> Mapping[SubGraph, float]:
    """R by sub-graph, from the evaluation of these edits where it has been made."""
    known: Geometry | None = laboratory.cache.peek(f"geometry/{edited.id}")
    if known is not None:
        return known.sub_graph_shattering
    R = await laboratory.compute(f"shattering/{edited.id}", lambda: measure_shattering(checkpoint, edited, baseline))
    return ring_means(checkpoint.world, checkpoint.world.relation(edited.made[-1].spec.relation).group, R)


def _recall(rings: Sequence[TaskChange]) -> PlacementRecall:
    """Rings without a question of it are left out."""
    asked = [ring for ring in rings if ring.n_queries]

    def mean(part: SubGraph | None) -> Change | None:
        own = [ring for ring in asked if part in (None, ring.sub_graph)]
        if not own:
            return None
        return change(fmean(ring.before.accuracy for ring in own), fmean(ring.after.accuracy for ring in own))

    return PlacementRecall(all=mean(None), edit=mean("edit"), retain=mean("retain"), test=mean("test"))
