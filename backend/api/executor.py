"""Torch work off the event loop: a bounded pool that says no when too much waits."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from threadpoolctl import threadpool_limits

T = TypeVar("T")


class Busy(Exception):
    """The queue is full; try again in `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many computations are waiting; try again in {retry_after} s")
        self.retry_after = retry_after


class Executor:
    """`workers` threads, at most `queue_limit` jobs waiting for one.

    Each thread gets its share of the cores for the threads of torch and BLAS. Where these outnumber the cores, they spin
    waiting for each other: on two busy cores, two threads each made scores 10 times and PCA 6 times slower than one.
    """

    def __init__(self, workers: int, queue_limit: int) -> None:
        self.capacity = workers + queue_limit
        self.workers = workers
        self.threads_each = max(1, (os.cpu_count() or 1) // workers)
        self._blas = threadpool_limits(self.threads_each, user_api="blas")
        self._pool = ThreadPoolExecutor(workers, "torch", initializer=self._start_thread)
        self._lock = threading.Lock()
        self._pending = 0
        self._mean_seconds = 0.1

    def _start_thread(self) -> None:
        torch.set_num_threads(self.threads_each)

    @property
    def pending(self) -> int:
        """Jobs running or waiting."""
        return self._pending

    async def run(self, job: Callable[[], T]) -> T:
        """Result of `job()`, run in the pool. A job whose caller is cancelled while it waits is never started.

        Raises:
            Busy: the queue is full.
        """
        with self._lock:
            if self._pending >= self.capacity:
                raise Busy(max(1, math.ceil(self._pending * self._mean_seconds / self.workers)))
            self._pending += 1
        try:
            future = self._pool.submit(self._timed, job)
        except RuntimeError:  # shutting down
            self._release()
            raise
        future.add_done_callback(self._release)
        return await asyncio.wrap_future(future)

    def _timed(self, job: Callable[[], T]) -> T:
        start = time.perf_counter()
        try:
            return job()
        finally:
            self._mean_seconds += 0.2 * (time.perf_counter() - start - self._mean_seconds)

    def _release(self, _: Future[T] | None = None) -> None:
        with self._lock:
            self._pending -= 1

    def close(self) -> None:
        """Drop what waits; what runs finishes in its own time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._blas.restore_original_limits()
