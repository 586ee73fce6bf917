"""Answers that are asked for once, however many ask: the callbacks of one page state, which do not wait for each other, and pages that show the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

from cachetools import TTLCache

T = TypeVar("T")


class _Flight:
    """A question under way, and how many wait for its answer."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.waiting = 0


class AskedOnce:
    """At most `most` answers, the least recently used first out, each for `seconds` by `clock`. Used from one event loop; answers are shared, so nobody
    may change one. An error reaches all who wait and is not kept."""

    def __init__(self, most: int, seconds: float = inf, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept: Any = TTLCache(most, seconds, clock)
        self._flights: dict[str, _Flight] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer to `key`: kept, or under way, or asked for now. Who leaves while others wait takes nothing from them; when the last has left,
        the question is given up."""
        if key in self._kept:
            kept: T = self._kept[key]
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(self._ask(key, ask)))
        flight.waiting += 1
        try:
            answer: T = await asyncio.shield(flight.task)
            return answer
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._land(key, flight)  # a newcomer must not join what is being given up
                flight.task.cancel()

    def forget(self, key: str) -> None:
        """Ask anew the next time; so does who comes while the old question is under way."""
        self._kept.pop(key, None)
        self._flights.pop(key, None)

    def clear(self) -> None:
        self._kept.clear()
        self._flights.clear()

    async def _ask(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        flight = self._flights[key]
        try:
            answer = await ask()
            if self._flights.get(key) is flight:  # it was not forgotten in between
                self._kept[key] = answer
            return answer
        finally:
            self._land(key, flight)

    def _land(self, key: str, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
