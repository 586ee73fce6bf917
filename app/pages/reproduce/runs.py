"""What is shown: the reports of the run in the link, or of the one that ships with the checkpoint. And what to ask for to run it again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from shatterscope.app.kit import aims
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import Opened, Pin, open_link
from shatterscope.app.kit.state import Edit, Target, ViewState
from shatterscope.app.pages.reproduce import protocol
from shatterscope.app.pages.reproduce.state import MAX_JOBS, METHOD, RunView, default_edit
from shatterscope.wire.reproduction import Report
from shatterscope.wire.sweeps import SweepRequest
from shatterscope.wire.world import CheckpointInfo

NEAREST = 4  # distances of a run in a world of no rings


@dataclass(frozen=True)
class ShownRun:
    """`single` and `sequence` may be missing: not asked for, or nothing ships. `lost` are jobs that the server does not know,
    `going` ones of this checkpoint that may be followed instead."""

    shipped: bool
    single: Report | None = None
    sequence: Report | None = None
    findings: str = ""
    lost: tuple[str, ...] = ()
    going: tuple[str, ...] = ()

    @property
    def reports(self) -> list[Report]:
        return [report for report in (self.single, self.sequence) if report is not None]


async def shown(client: Client, run: dict[str, Any]) -> ShownRun:
    """`run`: the page's store, `checkpoint` and `jobs`. Raises `ApiError`."""
    checkpoint, jobs = run["checkpoint"], run["jobs"]
    shipped = await client.reproduction(checkpoint)
    if not jobs:
        going = tuple(job.id for job in await client.going(checkpoint))[-MAX_JOBS:]
        if shipped is None:
            return ShownRun(False, going=going)
        return ShownRun(True, shipped.single, shipped.sequence, shipped.findings, going=going)
    found = await asyncio.gather(*(_report(client, job) for job in jobs))
    lost = tuple(job for job, report in zip(jobs, found, strict=True) if report is None)
    parts: dict[bool, Report] = {}
    for item in found:
        if item is not None:
            sequence, report = item
            parts[sequence] = report
    return ShownRun(shipped is not None, parts.get(False), parts.get(True), shipped.findings if shipped else "", lost)


def opened_link(view: RunView, pin: Pin, checkpoints: list[CheckpointInfo]) -> Opened:
    """What a link leads to here. Where its weights are not here, neither is its run."""
    found = open_link(ViewState(view.checkpoint, edits=(view.edit,) if view.edit else ()), pin, checkpoints)
    if found.exact:
        return found
    lost = [f"Its run ({', '.join(view.jobs)}) was made on them."] if view.jobs else []
    return replace(found, missing=[*found.missing, *lost], instead=f"{found.checkpoint.id} is shown.")


def elsewhere(view: RunView, near: ViewState) -> RunView:
    """On other weights: the same tables, of the run that ships there."""
    return replace(view, checkpoint=near.checkpoint, jobs=(), edit=near.edits[0] if near.edits else None)


async def _report(client: Client, job: str) -> tuple[bool, Report] | None:
    """Whether it is of sequences, and the report; None for a job that the server does not know."""
    try:
        info, report = await asyncio.gather(client.job(job), client.report(job))
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    return info.request.sequence is not None, report


async def requests(client: Client, checkpoint: str) -> list[SweepRequest]:
    """As shipped with the checkpoint, else with another one, else the page's own default."""
    every = await client.checkpoints()
    alike = [item.id for item in every if item.id != checkpoint and item.graph.kind == "rings"]
    rings = any(item.id == checkpoint and item.graph.kind == "rings" for item in every)
    for name in (checkpoint, *(alike if rings else ())):
        found = await client.reproduction(name)
        if found is not None:
            return found.requests
    default = protocol.default(checkpoint)
    here = next(item for item in every if item.id == checkpoint)
    return default if rings else await _at_its_distances(client, here, default)


async def _at_its_distances(
    client: Client, checkpoint: CheckpointInfo, asked: list[SweepRequest]
) -> list[SweepRequest]:
    """In a world of no rings not every distance has an object: the nearest of its first question. No number of the paper is beside them."""
    edit = await first_edit(client, checkpoint)
    found = await client.targets(checkpoint.id, edit.subject, edit.relation)
    distances = [each.distance for each in found.targets][:NEAREST]
    return [request.model_copy(update={"distances": distances}) for request in asked]


async def opening_checkpoint(client: Client, checkpoints: list[CheckpointInfo]) -> str:
    """Of those that ship a run the one that knows most, as the paper's does; else the default one."""
    for item in sorted(checkpoints, key=lambda item: -fmean(item.accuracy.direct.values())):
        if await client.reproduction(item.id) is not None:
            return item.id
    return next((item.id for item in checkpoints if item.default), checkpoints[0].id)


async def first_edit(client: Client, checkpoint: CheckpointInfo) -> Edit:
    """The edit whose pictures are drawn when nobody has chosen one. Raises `ApiError`."""
    if checkpoint.graph.kind == "rings":
        return default_edit(checkpoint.graph.n_entities)
    return await settled_edit(client, Edit(0, checkpoint.opening, Target(), METHOD), checkpoint)


async def settled_edit(client: Client, edit: Edit, checkpoint: CheckpointInfo) -> Edit:
    """The edit with a new object that there is. Raises `ApiError`."""
    view = await aims.settled(client, ViewState(None, edit.subject, edit.relation, edit.target), checkpoint.id)
    return replace(edit, subject=view.subject, target=view.target)
