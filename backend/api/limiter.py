"""How often one caller may do a thing: a token bucket for each key, forgotten when it is full again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

MAX_KEYS = 4096


class Limiter:
    """`burst` at once, then `rate` a second. `clock` returns seconds. Used from one event loop."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._spent: dict[Hashable, tuple[float, float]] = {}  # key -> (how much of the burst is spent, when)

    def take(self, key: Hashable) -> int:
        """0 where it may be done now, else the seconds to wait (1 or more)."""
        now = self._clock()
        spent, then = self._spent.pop(key, (0.0, now))
        spent = max(0.0, spent - (now - then) * self.rate)
        wait = spent + 1 - self.burst
        if wait <= 1e-9:  # but for rounding
            spent += 1
        self._spent[key] = (spent, now)  # the latest last
        if len(self._spent) > MAX_KEYS:
            self._forget(now)
        return 0 if wait <= 1e-9 else max(1, math.ceil(wait / self.rate))

    def _forget(self, now: float) -> None:
        """Drop buckets that are full again, and the oldest half where none is."""
        kept = {key: (spent, then) for key, (spent, then) in self._spent.items() if spent > (now - then) * self.rate}
        if len(kept) > MAX_KEYS:
            kept = dict(list(kept.items())[len(kept) // 2 :])
        self._spent = kept
