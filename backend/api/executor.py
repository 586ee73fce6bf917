"""Torch work off the event loop: a few places to compute, a bounded queue before them, and nothing that holds a place for long.

Every `QUANTUM` seconds, at its next checkpoint (`shatterscope.backend.interrupt`), a computation gives its place to smaller ones that wait
(`queue.level`), and rests in its thread until it is its turn again. One that nobody waits for any more ends there, and so does
one that has run for as long as it may.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from shatterscope.backend.api.caller import caller
from shatterscope.backend.api.queue import Shares, crowded, level
from shatterscope.backend.interrupt import interruptible

T = TypeVar("T")

QUANTUM = 0.05  # seconds
M_ARENA_MAX = -8  # as in malloc.h
MAX_RESTING = 16  # computations begun and set aside: each holds its memory


class Busy(Exception):
    """The queue is full; try again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many computations are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


class TooLong(Exception):
    """The computation has run for as long as one may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"this takes more than {seconds:.0f} s of computing, the most that one request may use; "
            "ask for less: fewer edits, steps, contexts or queries"
        )


class Left(Exception):
    """Nobody waits for the computation any more."""


class _Job:
    """`wake` is set when it has a place, or an `end` to raise at its next checkpoint."""

    def __init__(self, run: Callable[[], Any], client: str, kind: str, number: int) -> None:
        self.run, self.client, self.kind, self.number = run, client, kind, number
        self.attained = 0.0
        self.since = 0.0  # when it got its place
        self.started = False
        self.end: Exception | None = None
        self.wake = threading.Event()
        self.future: Future[Any] = Future()


class Executor:
    """`workers` places, at most `queue_limit` computations waiting for one, `seconds` of computing for each.

    Each thread gets its share of the cores for the threads of torch and BLAS. Where these outnumber the cores, they spin
    waiting for each other: on two busy cores, two threads each made scores 10 times and PCA 6 times slower than one.
    """

    def __init__(self, workers: int, queue_limit: int, seconds: float = math.inf) -> None:
        self.capacity = workers + queue_limit
        self.workers = workers
        self.seconds = seconds
        self.threads_each = max(1, (os.cpu_count() or 1) // workers)
        _share_freed_memory(workers)
        self._blas = threadpool_limits(self.threads_each, user_api="blas")
        self._pool = ThreadPoolExecutor(self.capacity, "torch", initializer=self._start_thread)
        self._lock = threading.Lock()
        self._shares = Shares()
        self._free = workers
        self._running: set[_Job] = set()
        self._waiting: set[_Job] = set()  # for a place: not begun, or resting
        self._number = 0
        self._mean_seconds = 0.1
        self._closed = False

    def _start_thread(self) -> None:
        torch.set_num_threads(self.threads_each)

    @property
    def pending(self) -> int:
        """Computations running or waiting."""
        return len(self._running) + len(self._waiting)

    async def run(self, job: Callable[[], T], kind: str = "") -> T:
        """Result of `job()`, run in a thread of the pool. When the caller is cancelled it ends at its next checkpoint.

        Raises:
            Busy: the queue is full, or others had to be let in.
            TooLong: it ran for longer than `seconds`.
        """
        asks = caller()
        each = self._enter(job, asks.address if asks else "", kind)
        try:
            result: T = await asyncio.wrap_future(each.future)
            return result
        except asyncio.CancelledError:
            self._stop(each, Left())
            raise

    def _enter(self, job: Callable[[], Any], client: str, kind: str) -> _Job:
        with self._lock:
            if self._closed:
                raise RuntimeError("the executor is closed")
            self._number += 1
            new = _Job(job, client, kind, self._number)
            if self.pending >= self.capacity and not self._make_room(new):
                raise self._busy()
            self._shares.enter(new, [*self._running, *self._waiting])
            self._waiting.add(new)
            self._hand_out()
        return new

    def _busy(self) -> Busy:
        return Busy(max(1, math.ceil(self.pending * self._mean_seconds / self.workers)))

    def _make_room(self, new: _Job) -> bool:
        """Send away the last in the longest line, if that is not the newcomer's own."""
        unbegun = [job for job in self._waiting if not job.started]
        crowd = crowded(unbegun, new)
        if crowd is None:
            return False
        self._refuse(max((job for job in unbegun if (job.client, job.kind) == crowd), key=self._shares.rank))
        return True

    def _refuse(self, job: _Job) -> None:
        self._waiting.discard(job)
        if job.started:
            job.end = self._busy()
            job.wake.set()
        elif job.future.set_running_or_notify_cancel():
            job.future.set_exception(self._busy())

    def _stop(self, job: _Job, why: Exception) -> None:
        with self._lock:
            job.end = why
            self._waiting.discard(job)
            job.wake.set()
            self._hand_out()

    def _hand_out(self) -> None:
        """Give free places to who goes first. The lock is held."""
        while self._free > 0 and self._waiting:
            job = min(self._waiting, key=self._shares.rank)
            self._waiting.discard(job)
            self._free -= 1
            self._running.add(job)
            job.since = time.perf_counter()
            if job.started:
                job.wake.set()
            elif job.future.set_running_or_notify_cancel():
                job.started = True
                # The context of the request stays with the request: a thread starts from a new one.
                self._pool.submit(contextvars.Context().run, self._work, job)
            else:
                self._give_up(job)

    def _give_up(self, job: _Job) -> None:
        """`job` holds its place no longer. The lock is held."""
        if job in self._running:
            self._running.discard(job)
            self._free += 1
            self._shares.charge(job, time.perf_counter() - job.since)

    def _work(self, job: _Job) -> None:
        result, error = None, None
        try:
            with interruptible(lambda: self._checkpoint(job)):
                self._checkpoint(job)
                result = job.run()
        except BaseException as raised:  # it is the future's to tell
            error = raised
        with self._lock:
            self._give_up(job)
            self._mean_seconds += 0.2 * (job.attained - self._mean_seconds)
            self._hand_out()
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)

    def _checkpoint(self, job: _Job) -> None:
        """In the thread of `job`: end, rest, or go on."""
        now = time.perf_counter()
        if job.end is None and now - job.since < QUANTUM:
            return
        with self._lock:
            if job.end is None and self._rests(job, now):
                job.wake.clear()
                self._give_up(job)
                self._waiting.add(job)
                self._hand_out()
                self._bound_resting()
            rests = job not in self._running and job.end is None
        if rests:
            job.wake.wait()
        if job.end is not None:
            raise job.end
        if job.attained > self.seconds:
            raise TooLong(self.seconds)

    def _rests(self, job: _Job, now: float) -> bool:
        self._shares.charge(job, now - job.since)
        job.since = now
        return any(level(each) < level(job) for each in self._waiting)

    def _bound_resting(self) -> None:
        """Of too many that rest, the longest of whoever has most of them ends. The lock is held."""
        resting = [job for job in self._waiting if job.started]
        if len(resting) > MAX_RESTING:
            clients = [job.client for job in resting]
            self._refuse(max(resting, key=lambda job: (clients.count(job.client), job.attained)))

    def close(self) -> None:
        """Drop what waits; what runs ends at its next checkpoint."""
        with self._lock:
            self._closed = True
            for job in self._waiting:
                job.end = Left()
                job.wake.set()
                if not job.started:
                    job.future.cancel()
            for job in self._running:
                job.end = Left()
            self._waiting.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._blas.restore_original_limits()


def _share_freed_memory(workers: int) -> None:
    """glibc keeps what a thread frees for the threads of its arena, and makes an arena for almost each: after 20 large computations, each in
    a thread of its own, 400 MB stayed. As many arenas as work at once are enough (and the first, of the event loop)."""
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and no arenas
        if mallopt is not None:
            mallopt(M_ARENA_MAX, workers + 1)
