"""What a statistic is worth: its value beside the values of shuffled labels (a permutation test; Good 2005).

The points stay where they are and trade names, so whatever the cloud's shape gives away for nothing is in the chance too. The shuffles are
always the same, so the same points give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from shatterscope.backend.geometry.checks import IntArray

SHUFFLES = 99
# Statistics over all pairs look at so many of the points: enough for two digits, few enough to follow a slider.
SAMPLE = 512


@dataclass(frozen=True)
class Measured:
    """A statistic and what chance gives.

    Attributes:
        value: 1 at best.
        chance: its mean over shuffled labels.
        chance_95: below which 95 of 100 shuffles stay; a value above it is luck once in twenty times at most.
    """

    value: float
    chance: float
    chance_95: float

    @property
    def lift(self) -> float:
        """0 at chance, 1 at best, negative below chance; 0 where chance is already the best there is."""
        return (self.value - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0

    @property
    def beats_chance(self) -> bool:
        return self.value > self.chance_95


def measured(value: float, by_chance: ArrayLike) -> Measured:
    """`value` beside its values of shuffled labels."""
    null = np.asarray(by_chance, dtype=np.float64)
    return Measured(float(value), float(null.mean()), float(np.quantile(null, 0.95, method="higher")))


@lru_cache(maxsize=16)
def shuffles(n: int) -> IntArray:
    """(99, n), a permutation of 0..n-1 in each row. Read only."""
    found = np.random.default_rng(0).permuted(np.tile(np.arange(n), (SHUFFLES, 1)), axis=1)
    found.flags.writeable = False
    return found


def sample(n: int) -> IntArray:
    """At most `SAMPLE` of n points, in ascending order: drawn at random, for evenly spaced ones could all lie in one column of a grid."""
    if n <= SAMPLE:
        return np.arange(n)
    return np.sort(np.random.default_rng(1).choice(n, SAMPLE, replace=False))
