"""How often one caller may do a thing: a token bucket for each key, forgotten when it is full again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, MutableMapping

from cachetools import TLRUCache

MAX_KEYS = 4096


class Limiter:
    """`burst` at once, then `rate` a second. `clock` returns seconds. Used from one event loop."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        # key -> (how much of the burst is spent, when), until it is full again
        self._spent: MutableMapping[Hashable, tuple[float, float]] = TLRUCache(
            MAX_KEYS, lambda key, bucket, now: now + bucket[0] / rate, clock
        )

    def take(self, key: Hashable) -> int:
        """0 where it may be done now, else the seconds to wait (1 or more)."""
        now = self._clock()
        spent, then = self._spent.get(key, (0.0, now))
        spent = max(0.0, spent - (now - then) * self.rate)
        wait = spent + 1 - self.burst
        if wait <= 1e-9:  # but for rounding
            spent += 1
        self._spent[key] = (spent, now)
        return 0 if wait <= 1e-9 else max(1, math.ceil(wait / self.rate))
