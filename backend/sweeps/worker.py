"""A worker process of a sweep: `python -m shatterscope.backend.sweeps.worker JOB`, started by `runner.py`.

It reads numbers of tasks, a line each, from stdin, commits every row as soon as it is measured, and says so on stdout, a JSON object a line:
`ready`, then `done` for each task, or `failed` with a reason. It ends when its stdin does: no worker outlives who started it.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from shatterscope.backend.checkpoints import CheckpointError, load_checkpoint
from shatterscope.backend.settings import Settings, SettingsError, load_settings, resolve_device
from shatterscope.backend.store import Jobs, Store, StoreError
from shatterscope.backend.sweeps.plan import Plan
from shatterscope.backend.sweeps.work import Bench
from shatterscope.wire.sweeps import SweepRequest

NICENESS = 5  # clicks go before
TRIES = 3  # to commit a row, where the database is locked or the disk full


class Failed(Exception):
    """The reason, for people."""


def work(settings: Settings, job_id: str, tasks: queue.Queue[int], say: Callable[..., None]) -> None:
    """Do tasks until there are no more.

    Raises:
        Failed, StoreError, SettingsError, CheckpointError: it cannot go on.
    """
    store = Store(settings.store_url)
    jobs = Jobs(store)
    job = jobs.get(job_id)
    if job is None:
        raise Failed(f"there is no job {job_id!r} in the store")
    device = resolve_device(settings.device)
    checkpoint = load_checkpoint(settings.models_dir / job.checkpoint, device)
    if checkpoint.sha256 != job.checkpoint_sha256:
        raise Failed(f"checkpoint {job.checkpoint!r} has other weights than when this sweep began; start a new sweep")
    plan = Plan.from_dict(jobs.plan(job.id))
    bench, numbered = Bench(job.id, checkpoint, SweepRequest.model_validate(job.request), plan), plan.tasks()
    say("ready")
    while True:
        task = numbered[tasks.get()]
        done = jobs.indices(job.id).intersection(task.indices)
        for row in bench.rows(task, done):
            _commit(store, jobs, job.checkpoint, row.index, row.edit, row.outcomes, row.model_dump_json(), job.id)
        say("done")


def _commit(
    store: Store, jobs: Jobs, checkpoint: str, index: int, edit: str | None, outcomes: list[Any], values: str, job: str
) -> None:
    for attempt in range(TRIES):
        try:
            if edit is not None:  # so that the row's edit can be opened
                store.put_edit(edit, checkpoint, [each.spec.model_dump(mode="json") for each in outcomes])
            jobs.put_row(job, index, values)
            return
        except StoreError:
            if attempt == TRIES - 1:
                raise
            time.sleep(0.5)


def main() -> None:
    # Whatever a library prints goes to stderr: stdout is spoken to the runner alone.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(event: str, **more: str) -> None:
        with suppress(BrokenPipeError):
            print(json.dumps({"event": event, **more}), file=out, flush=True)

    tasks: queue.Queue[int] = queue.Queue()

    def listen() -> None:
        for line in sys.stdin:
            tasks.put(int(line))
        os._exit(0)  # whoever started this is gone, or wants it to stop: every finished row is committed

    threading.Thread(target=listen, daemon=True).start()
    with suppress(OSError):
        os.nice(NICENESS)
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            work(load_settings(), sys.argv[1], tasks, say)
    except (Failed, StoreError, SettingsError, CheckpointError) as error:
        say("failed", reason=str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
