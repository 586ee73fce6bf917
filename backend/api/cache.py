"""Results by content key: made once however many ask at the same time, kept within a memory bound, and for some time where one is given."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from math import inf
from typing import Any, TypeVar

from cachetools import TLRUCache
from pydantic import BaseModel
from torch import nn

T = TypeVar("T")


@dataclasses.dataclass
class Statistics:
    """What happened since the start. `computed` counts finished computations, `joined` requests that shared one."""

    hits: int = 0
    joined: int = 0
    computed: int = 0
    failed: int = 0
    evicted: int = 0


class _Flight:
    """One computation under way and how many wait for it; it is cancelled when the last of them leaves."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.waiting = 0


class Cache:
    """Least recently used first out, by bytes, and what is older than `seconds` by `clock`. Used from one event loop; values must not be mutated."""

    def __init__(self, max_bytes: int, seconds: float = inf, clock: Callable[[], float] = time.monotonic) -> None:
        self.statistics = Statistics()
        self._values: Any = TLRUCache(max_bytes, lambda key, value, now: now + seconds, clock, size_of)
        self._flights: dict[str, _Flight] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    @property
    def bytes(self) -> int:
        return int(self._values.currsize)

    def clear(self) -> None:
        """Forget all values; computations under way go on."""
        self._values.clear()

    def drop(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget the values that are."""
        for key in [key for key, value in self._values.items() if unwanted(value)]:
            self._values.pop(key, None)

    def peek(self, key: str) -> Any | None:
        """The value of `key` if it is there; nothing is computed."""
        value = self._values.get(key)
        self.statistics.hits += value is not None
        return value

    def put(self, key: str, value: object) -> None:
        """Keep a value that came about as part of another computation."""
        held = len(self._values) + (key not in self._values)
        with suppress(ValueError):  # it is larger than all that is kept
            self._values[key] = value
            self.statistics.evicted += held - len(self._values)

    async def get(self, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        """The value of `key`, from the cache, from a computation already under way, or computed now.

        What `compute` raises reaches everyone who waits and is not remembered.
        """
        cached: T | None = self.peek(key)
        if cached is not None:
            return cached
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._compute(key, compute)))
        else:
            self.statistics.joined += 1
        flight.waiting += 1
        try:
            result: T = await asyncio.shield(flight.task)
            return result
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)  # a newcomer must not join what is being cancelled
                flight.task.cancel()

    async def _compute(self, key: str, compute: Callable[[], Awaitable[T]]) -> T:
        me = self._flights[key]
        try:
            value = await compute()
            self.statistics.computed += 1
            self.put(key, value)
            return value
        except BaseException:
            self.statistics.failed += 1
            raise
        finally:
            self._land(key, me)

    def _land(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]


def size_of(value: object) -> int:
    """Bytes a value holds: arrays and tensors by their data, containers and models by what is inside."""
    nbytes = getattr(value, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes + 128
    size = sys.getsizeof(value, 64)
    if isinstance(value, nn.Module):
        return size + sum(tensor.nbytes for tensor in (*value.parameters(), *value.buffers()))
    if isinstance(value, Mapping):
        return size + sum(size_of(key) + size_of(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return size + sum(size_of(item) for item in value)
    if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        return size + sum(size_of(item) for item in vars(value).values())
    return size
