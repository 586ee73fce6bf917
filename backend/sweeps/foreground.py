"""A sweep run from the terminal: the same job, rows and workers as the server's, owned by this process."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType

import torch

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint
from shatterscope.backend.edits import EditError
from shatterscope.backend.settings import Settings, resolve_device
from shatterscope.backend.store import KEPT_JOBS, Job, Jobs, Store, StoreError
from shatterscope.backend.sweeps.info import job_info
from shatterscope.backend.sweeps.plan import TooManyCells, check_size, known_facts, make_plan
from shatterscope.backend.sweeps.runner import Runner, is_orphan, new_id, new_owner
from shatterscope.backend.sweeps.table import csv_lines, sound_rows
from shatterscope.wire.sweeps import JobInfo, SweepRequest, SweepRow

LOOK = 0.5  # seconds between two looks at the progress


class SweepError(Exception):
    """A sweep that cannot be run; the message says what to change."""


class Foreground:
    """Raises `SweepError`, `SettingsError` and `StoreError`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store = Store(settings.store_url)
        self._jobs = Jobs(self._store)
        self._owner = new_owner()

    def close(self) -> None:
        self._store.close()

    def create(self, request: SweepRequest) -> Job:
        """A new sweep, owned by this process."""
        try:
            check_size(request, self.settings.sweep_limit)
            device = torch.device(resolve_device(self.settings.device))
            checkpoint = load_checkpoint(self.settings.models_dir / request.checkpoint, device)
            plan = make_plan(checkpoint, request, known_facts(checkpoint))
        except (TooManyCells, CheckpointError, EditError) as error:
            raise SweepError(str(error)) from None
        self._jobs.make_room(KEPT_JOBS - 1, self.settings.kept_rows - plan.n_rows)
        return self._jobs.create(
            new_id(),
            kind="sweep",
            checkpoint=checkpoint.id,
            checkpoint_sha256=checkpoint.sha256,
            request=request.model_dump(mode="json"),
            plan=plan.as_dict(),
            total=plan.n_rows,
            owner=self._owner,
        )

    def resume(self, id: str) -> Job:
        """A sweep that has stopped or never began, now owned by this process."""
        job = self._get(id)
        if job.status == "running" and not is_orphan(job):
            raise SweepError(f"sweep {id!r} is running already, in another process")
        if not self._jobs.claim(job, self._owner, ("queued", "paused", "failed", "cancelled", "done")):
            raise SweepError(f"sweep {id!r} has just been taken up by another process")
        return self._get(id)

    def run(self, job: Job, watch: Callable[[], None]) -> tuple[str, str | None]:
        """Run to the end; returns (status, error). SIGINT and SIGTERM pause it. `watch` is called now and then."""
        runner = Runner(self._jobs, job, self._owner, self.settings, leave_as="paused")
        looked = 0.0

        def look() -> None:
            nonlocal looked
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                watch()

        def stop(_: int, __: FrameType | None) -> None:
            runner.stop.set()

        before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            status, error = runner.run(look)
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        try:
            self._jobs.release(job.id, self._owner, status, error)
        except StoreError as failure:  # once this process is gone, so is its claim
            status, error = "failed", error or str(failure)
        return status, error

    def info(self, id: str) -> JobInfo:
        job = self._get(id)
        return job_info(job, self._jobs.pace(job))

    def rows(self, id: str) -> Iterator[SweepRow]:
        return (row for _, row in sound_rows(id, self._jobs.rows(id)))

    def csv(self, id: str) -> Iterator[str]:
        return csv_lines(lambda: self.rows(id))

    def _get(self, id: str) -> Job:
        job = self._jobs.get(id)
        if job is None:
            raise SweepError(f"there is no sweep {id!r} in the store of {self.settings.state_dir}")
        return job
