"""Runs one job that this process owns: starts workers, hands out tasks, sends heartbeats, and stops when asked.

The workers are processes of their own. Killing them at any moment costs nothing but the rows they were at: a row is in the store or it is not,
and what is missing is computed the next time, the same.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shatterscope.backend.settings import Settings
from shatterscope.backend.store import Job, Jobs, StoreError
from shatterscope.backend.sweeps.plan import Plan

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between heartbeats
LEASE = 30.0  # seconds without one after which a job's owner counts as gone
PATIENCE = 25.0  # seconds for which a store that cannot be reached is tolerated: less than the lease


def new_owner() -> str:
    """This process, so that another can tell whether it still lives: machine, number, when it started, and a secret."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(os.getpid())}:{secrets.token_hex(4)}"


def _start_of(pid: int) -> str:
    """When a process started, on the clock of its machine's present run, which nobody puts back: a number that is used again belongs to
    another start. Empty where it is gone, or the system does not say (then the number alone has to do)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if after_name[0] == "Z":  # it has ended, and only waits to be noticed
            return ""
        return f"{boot[:8]}-{after_name[19]}"  # field 22 of proc(5), in ticks since the boot
    except (OSError, IndexError, UnicodeDecodeError):
        return ""


def new_id() -> str:
    return secrets.token_hex(8)


def is_orphan(job: Job) -> bool:
    """Whether a running job's owner is gone. A sign of life from the future is none: the clock was put back since."""
    if job.owner is None or abs(time.time() - job.beat) > LEASE:
        return True
    host, _, rest = job.owner.partition(":")
    if host != socket.gethostname():
        return False
    pid, *more = rest.split(":")
    start = more[0] if len(more) > 1 else ""  # earlier versions did not write it
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return True
    except PermissionError:
        pass
    return bool(start) and start != _start_of(int(pid))


class WorkerFailed(Exception):
    """Why a job cannot go on."""


@dataclass
class Worker:
    process: subprocess.Popen[str]
    task: int | None = None
    printed: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def give(self, task: int) -> None:
        assert self.process.stdin is not None
        self.task = task
        with suppress(OSError):  # it has ended, which its stdout will tell
            self.process.stdin.write(f"{task}\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            with suppress(OSError):
                stream.close()


class Runner:
    """Runs `job`, which `owner` has claimed. `stop` makes it leave the job, with the status that `leave_as` says."""

    def __init__(self, jobs: Jobs, job: Job, owner: str, settings: Settings, leave_as: str = "queued") -> None:
        self.jobs, self.job, self.owner, self.settings, self.leave_as = jobs, job, owner, settings, leave_as
        self._heard = time.monotonic()
        self.stop = threading.Event()
        self.look = threading.Event()  # set it where the job may be wanted to stop, to be quicker than the next beat

    def run(self, watch: Callable[[], None] = lambda: None) -> tuple[str, str | None]:
        """Work until the job is done, stopped, or cannot go on; returns (status, error), which is yet to be stored: see `Jobs.release`.

        `watch` is called a few times a second.
        """
        workers: list[Worker] = []
        try:
            return self._run(workers, watch), None
        except WorkerFailed as error:
            return "failed", str(error)
        except StoreError as error:
            return "failed", f"{error} (then resume this job)"
        finally:
            for worker in workers:
                worker.stop()

    def _run(self, workers: list[Worker], watch: Callable[[], None]) -> str:
        tasks = Plan.from_dict(self.jobs.plan(self.job.id)).tasks()
        done = self.jobs.indices(self.job.id)
        todo = deque(i for i, task in enumerate(tasks) if not done.issuperset(task.indices))
        said: queue.Queue[tuple[Worker, dict[str, Any]]] = queue.Queue()
        workers += [self._start(said) for _ in range(min(self._n_workers(), len(todo)))]
        left, beaten = len(todo), time.monotonic()
        while left:
            watch()
            if self.stop.is_set():
                return self.leave_as
            try:
                worker, message = said.get(timeout=0.2)
            except queue.Empty:
                pass
            else:
                if message["event"] == "failed":
                    raise WorkerFailed(message["reason"])
                if message["event"] == "ended":
                    raise WorkerFailed(_why(worker))
                left -= message["event"] == "done"
                if todo:
                    worker.give(todo.popleft())
            if self.look.is_set() or time.monotonic() - beaten >= BEAT:
                self.look.clear()
                beaten = time.monotonic()
                wanted = self._beat()
                if wanted is not None:
                    return wanted
        return "done"

    def _beat(self) -> str | None:
        """A sign of life; returns what the job shall become where somebody wants it to stop."""
        try:
            mine = self.jobs.beat(self.job.id, self.owner)
            now = self.jobs.get(self.job.id)
        except StoreError:  # it may pass, and if not, the workers will come upon it as well
            if time.monotonic() - self._heard > PATIENCE:
                raise
            return None
        self._heard = time.monotonic()
        if not mine:
            raise WorkerFailed("another process has taken this job over")
        return None if now is None else now.wanted

    def _n_workers(self) -> int:
        if self.settings.sweep_workers is not None:
            return self.settings.sweep_workers
        return 1 if self.settings.device.startswith(("cuda", "mps")) else os.cpu_count() or 1

    def _start(self, said: queue.Queue[tuple[Worker, dict[str, Any]]]) -> Worker:
        process = subprocess.Popen(  # noqa: S603 - our own module, and the id of a job in the store
            [sys.executable, "-m", "shatterscope.backend.sweeps.worker", self.job.id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.settings.environment()},
            start_new_session=True,  # Ctrl+C is the runner's to handle
        )
        worker = Worker(process)

        def hear() -> None:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.put((worker, json.loads(line)))
            except ValueError:  # closed under our eyes, or half a line from a process that was killed
                pass
            said.put((worker, {"event": "ended"}))

        def keep() -> None:
            assert process.stderr is not None
            with suppress(ValueError):
                worker.printed.extend(process.stderr)

        for target in (hear, keep):
            threading.Thread(target=target, daemon=True).start()
        return worker


def _why(worker: Worker) -> str:
    """What became of a worker that ended without a word."""
    try:
        status = worker.process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "a worker stopped answering; the rows so far are kept, resume this job"
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (perhaps memory ran out)" if name == "SIGKILL" else ""
        return f"a worker was killed by {name}{hint}; the rows so far are kept, resume this job"
    log.error("a sweep worker ended with status %d:\n%s", status, "".join(worker.printed))
    last = next((line.strip() for line in reversed(worker.printed) if line.strip()), "it said nothing")
    return f"a worker ended with status {status} ({last}); the rows so far are kept, resume this job"
