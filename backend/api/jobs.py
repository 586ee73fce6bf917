"""What the routes of sweeps and jobs do: plan, look, ask. The work itself is done by processes (`shatterscope.backend.sweeps`)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

from pydantic import ValidationError

from shatterscope.backend.api.costs import cost_of, too_much
from shatterscope.backend.api.executor import Busy
from shatterscope.backend.api.laboratory import Laboratory
from shatterscope.backend.api.owners import Owners
from shatterscope.backend.api.problems import ProblemError, invalid
from shatterscope.backend.edits import EditError
from shatterscope.backend.store import KEPT_JOBS, Job, Jobs, StoreError
from shatterscope.backend.sweeps.info import job_info
from shatterscope.backend.sweeps.plan import TooManyCells, check_size, known_facts, make_plan, n_edits
from shatterscope.backend.sweeps.runner import is_orphan, new_id
from shatterscope.backend.sweeps.supervisor import Supervisor
from shatterscope.backend.sweeps.table import csv_lines, is_object, sound_rows
from shatterscope.wire.sweeps import ENDED, JobCreated, JobInfo, SweepRequest, SweepRow

log = logging.getLogger(__name__)

FRESH = 0.25  # seconds for which all who follow a job share one look at it
EVERY = 0.5  # seconds between two events of a stream
HEARTBEAT = 15.0  # seconds of nothing after which a stream says that it lives
MAX_FOLLOWERS = 1000  # of all jobs together
RETRY_AFTER = 60  # seconds
MAX_WAITING = 32  # jobs
WORK_EACH = 10_000  # steps x contexts that an edit of a sweep may ask for, on average of the largest sweep
STOPPING = 50  # looks, a tenth of a second apart, at a job that is about to stop


def unknown_job(id: str) -> ProblemError:
    return ProblemError(404, f"there is no job {id!r}; GET /jobs lists those there are")


class JobDesk:
    """One per server; `supervisor` is started and closed by whoever runs the server."""

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory = laboratory
        self.jobs = Jobs(laboratory.store)
        self.owners = Owners(laboratory.settings.state_dir)
        self.supervisor = Supervisor(self.jobs, laboratory.settings)
        self._seen: dict[str, tuple[float, JobInfo]] = {}
        self._followers = 0
        self._closed = asyncio.Event()

    def close_streams(self) -> None:
        self._closed.set()

    # --- asking for work ----------------------------------------------------------------------------------------

    async def create(self, request: SweepRequest) -> JobCreated:
        settings, laboratory = self.laboratory.settings, self.laboratory
        checkpoint = laboratory.trained(request.checkpoint, "body.checkpoint")
        try:
            check_size(request, settings.sweep_limit)
        except TooManyCells as error:
            raise invalid("body.edits_per_cell", str(error)) from None
        waiting = await asyncio.to_thread(self.jobs.all, ("queued", "running"))
        if len(waiting) > min(settings.queue_limit, MAX_WAITING):
            raise Busy(RETRY_AFTER)
        known = await laboratory.compute(f"known/{checkpoint.identity}", lambda: known_facts(checkpoint))
        try:
            plan = make_plan(checkpoint, request, known)
        except EditError as error:
            raise invalid(f"body.{error.field}", error.message) from None
        work = sum(
            n * cost_of(method.parameters, method.implied)
            for n, method in zip(n_edits(request), plan.methods, strict=True)
        )
        if work > (limit := settings.sweep_limit * WORK_EACH):
            raise invalid("body.methods", too_much(work, limit, f"SHATTERSCOPE_SWEEP_LIMIT x {WORK_EACH}"))
        await asyncio.to_thread(self.jobs.make_room, KEPT_JOBS - 1, settings.kept_rows - plan.n_rows)
        job = await asyncio.to_thread(
            self.jobs.create,
            new_id(),
            kind="sweep",
            checkpoint=checkpoint.id,
            checkpoint_sha256=checkpoint.sha256,
            request=request.model_dump(mode="json"),
            plan=plan.as_dict(),
            total=plan.n_rows,
        )
        self.supervisor.wake()
        return JobCreated(**(await self.info(job)).model_dump(), token=self.owners.token(job.id))

    # --- looking ------------------------------------------------------------------------------------------------

    async def get(self, id: str) -> JobInfo:
        return await self.info(await self.job(id))

    async def list(self, limit: int) -> list[JobInfo]:
        """The newest first."""
        found = reversed(await asyncio.to_thread(self.jobs.all))
        infos: list[JobInfo] = []
        for job in found:
            if len(infos) == limit:
                break
            with suppress(ProblemError):  # one that cannot be read
                infos.append(await self.info(job))
        return infos

    async def job(self, id: str) -> Job:
        job = await asyncio.to_thread(self.jobs.get, id)
        if job is None:
            raise unknown_job(id)
        return self.supervisor.as_known(job)

    async def info(self, job: Job) -> JobInfo:
        try:
            return job_info(job, await asyncio.to_thread(self.jobs.pace, job))
        except ValidationError as error:
            log.warning("job %s in the store cannot be read: %s", job.id, error.errors()[0])
            raise ProblemError(
                409,
                f"job {job.id!r} was stored by another version, or is damaged, and cannot be read; start a new sweep",
            ) from None

    async def follow(self, id: str) -> AsyncIterator[JobInfo | None]:
        """The job whenever it has changed, until it has ended; None as a sign of life."""
        last, told = None, time.monotonic()
        self._followers += 1
        try:
            while not self._closed.is_set():
                info = await self._look(id)
                if info is not None and info != last:
                    last, told = info, time.monotonic()
                    yield info
                    if info.status in ENDED:
                        return
                elif time.monotonic() - told > HEARTBEAT:
                    told = time.monotonic()
                    yield None
                try:
                    async with asyncio.timeout(EVERY):
                        await self._closed.wait()
                except TimeoutError:
                    pass
        finally:
            self._followers -= 1
            if not self._followers:
                self._seen.clear()

    def check_followers(self) -> None:
        """Raises `ProblemError`, a 429, where no more streams are served."""
        if self._followers >= MAX_FOLLOWERS:
            headers = {"Retry-After": str(RETRY_AFTER)}
            raise ProblemError(
                429, f"{MAX_FOLLOWERS} streams of jobs are open; ask for GET /jobs/{{id}}", headers=headers
            )

    async def _look(self, id: str) -> JobInfo | None:
        when, info = self._seen.get(id, (0.0, None))
        if time.monotonic() - when > FRESH:
            try:
                info = await self.get(id)
            except StoreError:  # the next look may succeed
                return None
            self._seen[id] = (time.monotonic(), info)
        return info

    # --- steering -----------------------------------------------------------------------------------------------

    async def pause(self, id: str) -> JobInfo:
        return await self._stop(id, "paused", "queued", "running")

    async def cancel(self, id: str) -> JobInfo:
        """A job that is done stays done."""
        if (await self.job(id)).status in ("done", "cancelled"):
            return await self.get(id)
        return await self._stop(id, "cancelled", "queued", "running", "paused", "failed")

    async def resume(self, id: str) -> JobInfo:
        def resume() -> None:
            self.supervisor.flush()
            for _ in range(STOPPING):  # until nobody changes it between the look and the move
                job = self._now(id)
                running = job.status == "running" and not is_orphan(job)
                if job.status in ("queued", "done") or (running and job.wanted is None):
                    return
                if running:  # about to stop, as somebody asked a moment ago
                    time.sleep(0.1)
                elif self.jobs.move(job, "queued"):
                    return
            raise ProblemError(409, f"job {id!r} is still stopping; try again in a moment")

        await self.job(id)
        await asyncio.to_thread(resume)
        self.supervisor.wake()
        return await self.get(id)

    async def _stop(self, id: str, status: str, *possible: str) -> JobInfo:
        def stop() -> None:
            self.supervisor.flush()
            for _ in range(10):
                job = self._now(id)
                if job.status == status:
                    return
                if job.status not in possible:
                    verb = {"paused": "paused", "cancelled": "cancelled"}[status]
                    raise ProblemError(409, f"job {id!r} is {job.status} and cannot be {verb}")
                running = job.status == "running" and not is_orphan(job)
                if self.jobs.want(job, status) if running else self.jobs.move(job, status):
                    return
            raise ProblemError(409, f"job {id!r} is being changed by somebody else; try again in a moment")

        await self.job(id)
        await asyncio.to_thread(stop)
        self.supervisor.wake()
        return await self._settled(id, status)

    async def _settled(self, id: str, status: str) -> JobInfo:
        """The job once it has stopped, which takes a moment; as it is then where it takes longer than two seconds."""
        for _ in range(20):
            info = await self.get(id)
            if info.status != "running":
                return info
            await asyncio.sleep(0.1)
        return await self.get(id)

    def _now(self, id: str) -> Job:
        job = self.jobs.get(id)
        if job is None:  # deleted a moment ago, to make room
            raise unknown_job(id)
        return job

    # --- rows ---------------------------------------------------------------------------------------------------

    async def check_rows(self, id: str) -> None:
        await self.job(id)

    def rows_json(self, id: str) -> Iterator[str]:
        """A JSON array, piece by piece."""
        between = "["
        for row in filter(is_object, self.jobs.rows(id)):
            yield between + row
            between = ",\n"
        yield "[]" if between == "[" else "]"

    def rows_csv(self, id: str) -> Iterator[str]:
        def rows() -> Iterator[SweepRow]:
            return (row for _, row in sound_rows(id, self.jobs.rows(id)))

        return csv_lines(rows)
