"""The smallest strength at which an edit takes.

Methods differ in how far they push: one that pushes twice as far as it needs shatters more than it has to, and one that falls just short shatters less than it
would have to. At the smallest strength at which the fact is written, both do the same thing, and what else they do can be compared.

The delta is computed once. Answers need not follow the strength in one direction (pushed too far, an edit can lose its own fact), so strengths are tried from
below, and only between the last that failed and the first that takes is the interval halved.
"""

from __future__ import annotations

from collections.abc import Callable

LEAST, MOST = 1 / 16, 4.0
"""Strengths that are tried: each the square root of two times the one before, 1 among them. `MOST` is `wire.edits.MAX_STRENGTH`."""
PRECISION = 0.02
"""Of the strength, relative."""


def needed_strength(takes: Callable[[float], bool]) -> float | None:
    """A strength at which the edit takes, within `PRECISION` of one below at which it does not; None where it takes at none that is tried.

    Args:
        takes: whether the edit, at a strength, has written the fact (`measure.TAKEN_BEHIND`). At 0 it has not.
    """
    low, high = 0.0, LEAST
    steps = 0
    while not takes(high):
        if high >= MOST:
            return None
        steps += 1
        low, high = high, min(MOST, LEAST * 2 ** (steps / 2))
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        if takes(middle):
            high = middle
        else:
            low = middle
    return high
