"""Means with 95 % intervals.

Edits of one fact at several distances are no independent sample, so facts are drawn, each with all of its edits (the cluster bootstrap, percentiles: Efron &
Tibshirani 1993, chapters 8 and 13). Of yes and no, a bootstrap of "all of them" has no width, so a share has Wilson's interval (1927), with as many trials as there
are facts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shatterscope.wire.league import Mean

FloatArray = NDArray[np.float64]

RESAMPLES, SEED = 2000, 0
Z = 1.959963984540054


def mean_of(values: Sequence[float], facts: Sequence[Hashable], *, share: bool = False) -> Mean | None:
    """The mean of `values`, each of the fact beside it; None of nothing. `share`: they are yes (1) and no (0).

    Raises:
        ValueError: as many facts as values are needed.
    """
    if len(values) != len(facts):
        raise ValueError(f"{len(values)} values, {len(facts)} facts")
    if not values:
        return None
    found = np.asarray(values, dtype=np.float64)
    number = {fact: i for i, fact in enumerate(dict.fromkeys(facts))}
    of = np.array([number[fact] for fact in facts])
    mean, n = float(found.mean()), len(number)
    if n == 1:
        return Mean(value=mean, n=len(values))
    if share:
        low, high = wilson(mean, n)
        return Mean(value=mean, low=low, high=high, n=len(values))
    sums, counts = np.bincount(of, found, n), np.bincount(of, minlength=n)
    drawn = _drawn(n)
    low, high = np.quantile(drawn @ sums / (drawn @ counts), (0.025, 0.975))
    return Mean(value=mean, low=float(low), high=float(high), n=len(values))


@lru_cache(maxsize=16)
def _drawn(n: int) -> FloatArray:
    """(RESAMPLES, n), how often each of `n` facts is drawn: the same for every mean of a table."""
    return np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)


def wilson(share: float, n: int) -> tuple[float, float]:
    """Of `n` trials."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)
