"""Makes a recording of a language model (`spoken/recording.py`), edit by edit; interrupted, it goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shatterscope.backend import __version__, convert
from shatterscope.backend.api import measures
from shatterscope.backend.api.laboratory import Done, Laboratory
from shatterscope.backend.api.language import get_baseline
from shatterscope.backend.evaluation import AskedFact
from shatterscope.backend.spoken.checkpoint import LanguageCheckpoint
from shatterscope.backend.spoken.recording import (
    FORMAT,
    SMALL_GROUPS,
    RecordedStack,
    Recording,
    RecordingProvenance,
    edited_points,
    unedited_points,
)
from shatterscope.backend.spoken.survey import Survey
from shatterscope.backend.spoken.world import Spoken
from shatterscope.backend.worlds import Relation
from shatterscope.wire.base import Array
from shatterscope.wire.edits import EditRequest
from shatterscope.wire.measures import EvaluationRequest
from shatterscope.wire.world import FactInfo

MONTHS = "months_next1"
STEPS = range(1, 7)


def months_table(world: Spoken) -> Iterator[list[dict[str, Any]]]:
    """Every month, one to six steps from the truth, by ROME, without and with protection."""
    for preset in ("tuned", "protected"):
        for distance in STEPS:
            for subject in world.domain(world.relation(MONTHS)).tolist():
                yield [{"subject": subject, "relation": MONTHS, "distance": distance, "preset": preset}]


def other_edits(world: Spoken) -> Iterator[list[dict[str, Any]]]:
    """May by every method and preset; every weekday; all months in one batch."""
    may: dict[str, Any] = {"subject": 4, "relation": MONTHS, "distance": 3}
    for preset in ("r-rome", "paper"):
        yield [{**may, "preset": preset}]
    yield [{**may, "preset": "last-token", "layer": 24}]
    for method, presets in (
        ("memit", ("tuned", "protected", "three-layers")),
        ("alphaedit", ("tuned", "protected")),
        ("ft-l", ("tuned",)),
        ("grace", ("tuned",)),
        ("patch", ("tuned",)),
    ):
        for preset in presets:
            yield [{**may, "method": method, "preset": preset}]
    for preset in ("tuned", "protected"):
        for distance in range(1, 4):
            for subject in world.domain(world.relation("weekdays_next1")).tolist():
                yield [{"subject": subject, "relation": "weekdays_next1", "distance": distance, "preset": preset}]
    for method, preset in (("memit", "tuned"), ("memit", "three-layers"), ("alphaedit", "tuned")):
        for distance in (1, 3):
            yield [
                {
                    "subject": subject,
                    "relation": MONTHS,
                    "object": (subject + 1 + distance) % 12,
                    "method": method,
                    "preset": preset,
                    "batch": True,
                }
                for subject in range(12)
            ]


async def record(
    laboratory: Laboratory,
    checkpoint: LanguageCheckpoint,
    stacks: list[list[dict[str, Any]]],
    kept: Path,
    command: str,
    tell: Callable[[str], None],
) -> Recording:
    """Make all `stacks`, one after another. `kept` takes a line each, and what is in it already is not made again.

    Raises:
        OSError: `kept` cannot be written.
        ProblemError: an edit cannot be made.
    """
    world = checkpoint.world
    made: dict[str, RecordedStack] = {}
    if kept.exists():
        for line in kept.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            if said["identity"] == checkpoint.identity:
                made[said["key"]] = RecordedStack.model_validate(said["record"])
    baseline = await get_baseline(laboratory, checkpoint)
    records = []
    for i, stack in enumerate(stacks):
        key = json.dumps(stack, sort_keys=True)
        if key not in made:
            result = await laboratory.edit(EditRequest.model_validate({"checkpoint": checkpoint.id, "edits": stack}))
            evaluation = await measures.get_evaluation(
                laboratory, EvaluationRequest(checkpoint=checkpoint.id, edit=result.id)
            )
            after: Survey = laboratory.cache.peek(f"survey/{result.id}")  # type: ignore[assignment]
            points: dict[str, Array] = {
                each: convert.array(edited_points(before, now))
                for each, before, now in zip(
                    _small(world), _points(world, baseline.survey), _points(world, after), strict=True
                )
            }
            edited = world.relation(result.edits[-1].spec.relation)
            facts = dict(_facts(checkpoint, result.id, edited, after))
            made[key] = RecordedStack(result=result, evaluation=evaluation, facts=facts, points=points)
            written = {"identity": checkpoint.identity, "key": key, "record": made[key].model_dump(mode="json")}
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(written) + "\n")
            laboratory.cache.drop(lambda value: isinstance(value, Done | Survey))  # nobody asks for it again
        records.append(made[key])
        outcome = made[key].result.edits[-1]
        tell(
            f"{i + 1} of {len(stacks)}: {world.entities[outcome.spec.subject]} -> {world.entities[outcome.new_object]}"
        )
    unasked = {
        f"{relation.name}/{subject}": found
        for relation in world.relations
        for subject, found in _facts(checkpoint, None, relation, baseline.survey)
    }
    return Recording(
        format=FORMAT,
        provenance=RecordingProvenance(
            model=checkpoint.id,
            identity=checkpoint.identity,
            version=__version__,
            torch=torch.__version__,
            finished=datetime.now(UTC).date().isoformat(),
            command=command,
        ),
        card=checkpoint.card,
        knowledge=checkpoint.knowledge,
        unedited=await measures.get_evaluation(laboratory, EvaluationRequest(checkpoint=checkpoint.id, edit=None)),
        points={
            relation: convert.array(unedited_points(before))
            for relation, before in zip(_small(world), _points(world, baseline.survey), strict=True)
        },
        facts=unasked,
        records=records,
    )


def _facts(
    checkpoint: LanguageCheckpoint, edit: str | None, relation: Relation, found: Survey
) -> Iterator[tuple[int, FactInfo]]:
    """Of each subject, asked the plain way."""
    plain = found.asked[relation.index].probability[0]
    for subject, probability in zip(checkpoint.world.domain(relation).tolist(), plain, strict=True):
        truth = checkpoint.world.object_of(subject, relation)
        best, names = probability.topk(5)
        top = list(zip(names.tolist(), best.tolist(), strict=True))
        answered = AskedFact(truth, (truth,), top[0][0], float(probability[truth]), True, top)
        yield subject, convert.fact_info(checkpoint, edit, subject, [relation], answered)


def _small(world: Spoken) -> list[str]:
    return [each.name for each in world.relations if world.group_names[each.group] in SMALL_GROUPS]


def _points(world: Spoken, found: Survey) -> list[NDArray[np.float32]]:
    """(n, d) of each relation whose points are kept, the mean over wordings."""
    return [found.asked[world.relation(name).index].representations.mean(0).numpy() for name in _small(world)]
