"""The reproduction: reports of sweeps and of shipped runs, and looks inside the unedited model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import torch

from shatterscope.backend import convert
from shatterscope.backend.api.jobs import JobDesk
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.problems import ProblemError, invalid
from shatterscope.backend.checkpoints import CheckpointError
from shatterscope.backend.evaluation.keys_values import MemoryPicture, memory, picture
from shatterscope.backend.evaluation.tracing import TracingError
from shatterscope.backend.reproduction.report import Run, report, without_paper
from shatterscope.backend.reproduction.shipped import NothingShipped, Shipped, ShippedError, load
from shatterscope.backend.reproduction.shipped import Part as ShippedPart
from shatterscope.backend.reproduction.traced import trace_checkpoint
from shatterscope.backend.sweeps.table import csv_lines, sound_rows
from shatterscope.wire.reproduction import (
    KeysValues,
    KeysValuesRequest,
    Report,
    Reproduction,
    Tracing,
    TracingRequest,
)
from shatterscope.wire.sweeps import SweepRow

# --- reports ---------------------------------------------------------------------------------------------------------


async def sweep_report(desk: JobDesk, id: str) -> Report:
    """Computed once for every number of finished rows."""
    job = await desk.job(id)
    info = await desk.info(job)
    run = Run(id, job.checkpoint_sha256, info.request, job.total)

    def compute() -> Report:
        try:
            found = report(desk.jobs.rows(id), run)
        except (ValueError, LookupError, TypeError):  # one of them is damaged
            found = report((row for _, row in sound_rows(id, desk.jobs.rows(id))), run)
        return found if _of_rings(desk.laboratory, info.request.checkpoint) else without_paper(found)

    return await desk.laboratory.compute(f"report/{id}/{info.done}", compute)


def _of_rings(laboratory: Laboratory, id: str) -> bool:
    """Whether its world is the paper's; so it is taken to be where the checkpoint is gone."""
    try:
        return laboratory.registry.get(id).world.kind == "rings"
    except CheckpointError:
        return True


async def shipped_run(laboratory: Laboratory, id: str, part: ShippedPart = "single") -> Shipped:
    """A run that has this part. Raises `ProblemError`: 404 where there is none, 409 where it cannot be used."""
    checkpoint = laboratory.trained(id)
    try:
        found = await asyncio.to_thread(load, laboratory.settings.models_dir / checkpoint.id, checkpoint.sha256)
        found.check_part(part)
        return found
    except ShippedError as error:
        raise _problem(error) from None


async def shipped_reproduction(laboratory: Laboratory, id: str) -> Reproduction:
    shipped = await shipped_run(laboratory, id)
    manifest = shipped.manifest
    hashes = "/".join(part.sha256 for part in (manifest.single, manifest.sequence) if part is not None)
    try:
        found = await laboratory.compute(f"reproduction/{manifest.checkpoint_sha256}/{hashes}", shipped.reproduction)
        if not _of_rings(laboratory, id):
            parts = {"single": found.single, "sequence": found.sequence}
            found = found.model_copy(update={name: part and without_paper(part) for name, part in parts.items()})
        return found.model_copy(update={"findings": await asyncio.to_thread(shipped.findings)})
    except ShippedError as error:
        raise _problem(error) from None


def shipped_json(shipped: Shipped, part: ShippedPart) -> Iterator[str]:
    """A JSON array, piece by piece."""
    between = "["
    for row in shipped.rows(part):
        yield between + row
        between = ",\n"
    yield "[]" if between == "[" else "]"


def shipped_csv(shipped: Shipped, part: ShippedPart) -> Iterator[str]:
    return csv_lines(lambda: map(SweepRow.model_validate_json, shipped.rows(part)))


def _problem(error: ShippedError) -> ProblemError:
    return ProblemError(404 if isinstance(error, NothingShipped) else 409, str(error))


# --- inside the unedited model ---------------------------------------------------------------------------------------


async def get_tracings(laboratory: Laboratory, request: TracingRequest) -> list[Tracing]:
    """With the subject replaced, and with the relation replaced: of the same facts."""
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    key = f"tracings/{checkpoint.identity}/{request.facts}/{request.seed}"
    try:
        found = await laboratory.compute(key, lambda: trace_checkpoint(checkpoint, request.facts, request.seed))
    except TracingError as error:
        raise invalid("body.checkpoint", str(error)) from None
    return [each.model_copy(update={"checkpoint": checkpoint.id}) for each in found]


async def get_keys_values(laboratory: Laboratory, request: KeysValuesRequest) -> KeysValues:
    checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
    relation = laboratory.relation(checkpoint, request.relation, "body.relation")
    layers = checkpoint.model.config.n_layers
    if request.layer >= layers:
        raise invalid("body.layer", f"layers of {checkpoint.id} are 0..{layers - 1}, got {request.layer}")

    world = checkpoint.world

    def job() -> MemoryPicture:
        held = memory(checkpoint.model, world.n_entities, relation, request.layer)
        return picture(held if world.total else held.of(torch.from_numpy(world.domain(relation))))

    found = await laboratory.compute(f"keys/{checkpoint.identity}/{relation.name}/{request.layer}", job)
    return convert.keys_values(checkpoint, relation, request.layer, found)
