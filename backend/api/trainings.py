"""Models that are being trained for the oracle, each in a process of its own; and those that were, from the disk.

A process is killed as soon as nobody waits for it, and then nothing of it is kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from shatterscope.backend.api.executor import Busy
from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EditDelta
from shatterscope.backend.editors.oracle import TrainingStep
from shatterscope.backend.edits import CompleteSpec, EditError
from shatterscope.backend.oracles.kept import KeptTrainings, training_key
from shatterscope.backend.settings import Settings

WORKER = "shatterscope.backend.oracles.worker"
MAX_WAITING = 32  # trainings
RETRY_AFTER = 30  # seconds


@dataclass
class Training:
    """One that goes on; `at` is how far it has come, None before it has begun."""

    checkpoint: str
    spec: CompleteSpec
    at: TrainingStep | None = None


class Trainings:
    """One per server: `settings.workers` processes at a time, one thread each."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.kept = KeptTrainings(settings.state_dir / "oracles")
        self.going: dict[str, Training] = {}
        self._places = asyncio.Semaphore(settings.workers)
        self._threads = ThreadPoolExecutor(settings.workers, "oracle")  # that listen to the processes

    def close(self) -> None:
        self._threads.shutdown(wait=False)

    async def delta(self, checkpoint: Checkpoint, spec: CompleteSpec) -> EditDelta:
        """What training changes, from the disk or from a process.

        Raises:
            EditError: it has no answer, or could not be made.
            Busy: too many wait already.
        """
        key = training_key(checkpoint, spec)
        found = await asyncio.to_thread(self.kept.get, key)
        if found is not None:
            return found
        if len(self.going) >= MAX_WAITING:
            raise Busy(RETRY_AFTER)
        training = self.going[key] = Training(checkpoint.id, spec)
        try:
            async with self._places:
                await self._train(checkpoint, training, key)
        finally:
            del self.going[key]
        found = await asyncio.to_thread(self.kept.get, key)
        if found is None:
            raise EditError("edits.0.method", "the trained model could not be kept; ask for it again")
        await asyncio.to_thread(self.kept.make_room)
        return found

    async def _train(self, checkpoint: Checkpoint, training: Training, key: str) -> None:
        order = {
            "checkpoint": checkpoint.id,
            "identity": checkpoint.identity,
            "spec": asdict(training.spec),
            "file": str(self.kept.path(key)),
        }
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.settings.environment()},
            start_new_session=True,  # Ctrl+C is the server's to handle
        )
        try:
            said = await asyncio.get_running_loop().run_in_executor(self._threads, _follow, process, order, training)
        finally:
            process.kill()  # nobody waits any more; one that has ended does not mind
            process.wait()
            self.kept.discard(key, process.pid)
        if said["event"] == "failed":
            raise EditError(said.get("field", "edits.0.method"), said["reason"])
        if said["event"] != "done":
            raise EditError("edits.0.method", f"training ended by itself (status {process.returncode}); try again")


def _follow(process: subprocess.Popen[str], order: dict[str, Any], training: Training) -> dict[str, Any]:
    """Tell the process what to do and listen to it until it ends; returns the last that it said."""
    said: dict[str, Any] = {"event": "ended"}
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # it has ended, or was
            process.stdin.write(f"{json.dumps(order)}\n")
            process.stdin.flush()
        for line in process.stdout:
            with suppress(ValueError):  # half a line, from a process that was killed
                said = json.loads(line)
            if said["event"] == "step":
                training.at = TrainingStep(**{name: said[name] for name in TrainingStep.__dataclass_fields__})
            else:
                break  # it waits for the end of its stdin
    return said
