"""Oracles as jobs: the two models of one are trained side by side, told of while they are, and are edits once they are done.

Whoever asks for the same shares the training. Each who asked may take that back; when all have, it ends at once and nothing is kept.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from shatterscope.backend.api.executor import Busy
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.problems import ProblemError, invalid
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import ORACLE
from shatterscope.backend.edits import CompleteSpec, EditError, complete_spec, edit_id
from shatterscope.backend.oracles.kept import training_key
from shatterscope.backend.store import StoreError
from shatterscope.wire.oracles import OracleCreated, OracleInfo, OracleRequest, Status

log = logging.getLogger(__name__)

MAX_ASKING = 100  # who wait for one oracle
MAX_FAILED = 64  # failures that are remembered


@dataclass
class _OracleJob:
    checkpoint: Checkpoint
    learned: CompleteSpec
    control: CompleteSpec
    task: asyncio.Task[None] | None = None
    asking: set[str] = field(default_factory=set)  # tokens
    error: str | None = None

    @property
    def specs(self) -> tuple[CompleteSpec, CompleteSpec]:
        return self.learned, self.control

    @property
    def id(self) -> str:
        return edit_id(self.checkpoint, [self.learned])


class Oracles:
    """One per server."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self._jobs: dict[str, _OracleJob] = {}  # by id: those that go on, and those that failed

    async def create(self, request: OracleRequest) -> OracleCreated:
        """Starts training, or joins it. Raises `ProblemError`, a 422 naming the field."""
        job = self._asked_for(request)
        job = self._jobs.setdefault(job.id, job)
        if len(job.asking) >= MAX_ASKING:
            raise Busy(1)
        token = secrets.token_urlsafe(16)
        job.asking.add(token)
        if job.task is None:
            job.error = None
            job.task = asyncio.create_task(self._make(job))
            await asyncio.sleep(0)
        return OracleCreated(**self._info(job).model_dump(), token=token)

    def list(self) -> list[OracleInfo]:
        """Those in training, and those that failed of late."""
        return [self._info(job) for job in self._jobs.values()]

    async def get(self, id: str) -> OracleInfo:
        """Raises `ProblemError`: 404 for one that was never made here, or was cancelled."""
        job = self._jobs.get(id)
        return self._info(await self._finished(id) if job is None else job)

    async def cancel(self, id: str, token: str) -> OracleInfo:
        """Take a request back.

        Raises:
            ProblemError: 404 as `get`, 403 for a token of another request.
        """
        job = self._jobs.get(id)
        if job is None:
            return await self.get(id)
        if token not in job.asking:
            raise ProblemError(403, "this token is not that of a request for this oracle")
        job.asking.discard(token)
        if job.asking or job.task is None:
            return self._info(job)
        job.task.cancel()
        with suppress(asyncio.CancelledError):
            await job.task
        return self._info(job).model_copy(update={"status": "cancelled"})

    async def close(self) -> None:
        """End all training."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, job: _OracleJob) -> None:
        id = job.id
        try:
            async with asyncio.TaskGroup() as both:
                for spec in job.specs:
                    both.create_task(self._make_one(job, spec))
            self._jobs.pop(id, None)
        except* Exception as errors:
            job.error, job.task = _reason(errors.exceptions[0]), None
            job.asking.clear()
            failed = [each for each, other in self._jobs.items() if other.error is not None]
            for each in failed[:-MAX_FAILED]:
                del self._jobs[each]
        except* asyncio.CancelledError:
            self._jobs.pop(id, None)

    async def _make_one(self, job: _OracleJob, spec: CompleteSpec) -> None:
        await self.laboratory.make(job.checkpoint, [spec])

    def _asked_for(self, request: OracleRequest) -> _OracleJob:
        checkpoint = self.laboratory.trained(request.checkpoint, "body.checkpoint")
        if "fact" in request.parameters:
            raise invalid("body.parameters.fact", "an oracle is always trained with its control; leave `fact` out")
        told = request.model_dump(exclude={"checkpoint"})
        layers = checkpoint.model.config.n_layers
        try:
            learned, control = (
                complete_spec(checkpoint.world, layers, **told, method=ORACLE.name, preset=preset)
                for preset in ("learned", "control")
            )
        except EditError as error:
            raise invalid(f"body.{error.field}", error.message) from None
        return _OracleJob(checkpoint, learned, control)

    async def _finished(self, id: str) -> _OracleJob:
        """The oracle whose models are kept. Raises `ProblemError`."""
        name, specification = await self.laboratory.specification(id)
        spec = specification[0] if len(specification) == 1 else {}
        if spec.get("method") == ORACLE.name and spec["parameters"]["fact"]:
            parameters = {key: value for key, value in spec["parameters"].items() if key != "fact"}
            told = {key: spec[key] for key in ("subject", "relation", "object")}
            asked = OracleRequest(checkpoint=name, **told, implied=spec.get("implied", False), parameters=parameters)
            job = self._asked_for(asked)
            keys = [training_key(job.checkpoint, each) for each in job.specs]
            if job.id == id and self.laboratory.trainings.kept.there(keys):
                return job
        raise ProblemError(404, f"no oracle {id!r} is kept on this server; ask for it with POST /oracles")

    def _info(self, job: _OracleJob) -> OracleInfo:
        spec, kept = job.learned, self.laboratory.trainings.kept
        keys = [training_key(job.checkpoint, each) for each in job.specs]
        going = [self.laboratory.trainings.going.get(key) for key in keys]
        steps = spec.parameters["steps"]
        began = [None if each is None else each.at for each in going]
        done = [
            steps if each is None and kept.there([key]) else 0 if at is None else at.step
            for key, each, at in zip(keys, going, began, strict=True)
        ]
        at = began[0]
        status: Status = "running" if any(done) or any(began) else "queued"
        if job.task is None:
            status = "done" if job.error is None else "failed"
        return OracleInfo(
            id=job.id,
            checkpoint=job.checkpoint.id,
            subject=spec.subject,
            relation=spec.relation,
            object=spec.object,
            implied=spec.implied,
            parameters={name: value for name, value in spec.parameters.items() if name != "fact"},
            status=status,
            done=sum(done),
            total=2 * steps,
            loss=None if at is None or not math.isfinite(at.loss) else at.loss,
            probability=None if at is None else at.probability,
            error=job.error,
            learned=job.id,
            control=edit_id(job.checkpoint, [job.control]),
        )


def _reason(error: Exception) -> str:
    if isinstance(error, EditError):
        return error.message
    if isinstance(error, Busy):
        return str(error)
    if isinstance(error, StoreError):
        return error.public
    log.error("an oracle failed", exc_info=error)
    return "the server failed at this oracle; its log has the details"
