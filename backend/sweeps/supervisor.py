"""The server's jobs: one at a time, in the order they were asked for, in a thread that hands the work to processes.

A job that was running when a server was killed is taken up again by the next server that looks; one that failed waits for somebody to resume it.
Where the store cannot be written, a failure is kept here and told from here, until it can.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from shatterscope.backend.settings import Settings
from shatterscope.backend.store import Job, Jobs, StoreError
from shatterscope.backend.sweeps.runner import Runner, is_orphan, new_owner

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between looks at the store


@dataclass(frozen=True)
class Unsaved:
    """What became of a job that the store could not be told."""

    owner: str
    status: str
    error: str | None


class Supervisor:
    """`start` it with the server, `close` it with the server; `wake` it when a job may be waiting."""

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        self.jobs, self.settings = jobs, settings
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._runner: Runner | None = None
        self._unsaved: dict[str, Unsaved] = {}

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop, name="jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()
        if self._runner is not None:
            self._runner.look.set()

    def close(self) -> None:
        """Stop the job that runs, which the next server takes up, and wait until its workers are gone."""
        self._closing.set()
        self._wake.set()
        if self._runner is not None:
            self._runner.stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def as_known(self, job: Job) -> Job:
        """The job with what the store could not be told yet."""
        unsaved = self._unsaved.get(job.id)
        if unsaved is None or unsaved.owner != job.owner:
            return job
        return replace(job, status=unsaved.status, error=unsaved.error)

    def flush(self) -> None:
        """Tell the store what it could not be told. Raises `StoreError` where it still cannot."""
        for id, unsaved in list(self._unsaved.items()):
            self.jobs.release(id, unsaved.owner, unsaved.status, unsaved.error)
            self._unsaved.pop(id, None)

    def _loop(self) -> None:
        while not self._closing.is_set():
            try:
                self.flush()
                job = self._next()
            except StoreError as error:
                log.warning("%s", error)
                job = None
            if job is None:
                self._wake.wait(LOOK)
                self._wake.clear()
            else:
                self._run(job)

    def _next(self) -> Job | None:
        """The oldest job that waits or whose owner is gone, now claimed."""
        for job in self.jobs.all(("queued", "running")):
            if job.status == "queued" or is_orphan(job):
                owner = new_owner()
                if self.jobs.claim(job, owner):
                    return self.jobs.get(job.id)
        return None

    def _run(self, job: Job) -> None:
        assert job.owner is not None
        runner = self._runner = Runner(self.jobs, job, job.owner, self.settings)
        if self._closing.is_set():
            runner.stop.set()
        try:
            status, error = runner.run()
        except Exception:
            log.exception("job %s", job.id)
            status, error = "failed", "the server failed at this job; its log has the details"
        self._runner = None
        try:
            self.jobs.release(job.id, job.owner, status, error)
        except StoreError as failure:
            log.warning("%s", failure)
            self._unsaved[job.id] = Unsaved(job.owner, status, error)
