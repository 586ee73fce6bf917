"""Are the edits of a cell one group or two? In the paper a mean may hide that: some edits break everything, the others hardly anything.

Values are divided in two where the variance within both parts is least (Otsu 1979; in one dimension the best division is a cut, so all of
them can be tried). What is told is the share of the variance that lies between the parts, `explained`. It has known values: 2 / pi for a
normal distribution, 3/4 for a uniform one, D^2 / (4 + D^2) for two equal groups whose means are D of their standard deviations apart.
No test of chance is claimed: `SEPARATE` asks for D of 4, which no single bell or plateau comes near.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shatterscope.wire.reproduction import EditGroup

SEPARATE = 0.8
FEWEST, FEW = 0.05, 5  # of the edits, and in number: a few outliers are no group
LEAST = 20  # edits: fewer are divided well by chance


def divided(values: Sequence[float]) -> tuple[float, NDArray[np.bool_]] | None:
    """The share of variance between the groups, and which values (n,) are in the upper one; None below `LEAST` values or where none differs."""
    x = np.asarray(values, dtype=np.float64)
    if len(x) < LEAST or x.max() - x.min() <= 1e-12 * max(abs(x.max()), abs(x.min())):
        return None
    order = np.argsort(x, kind="stable")
    ranked = x[order] - x.mean()
    below = np.arange(1, len(x))
    sums = ranked.cumsum()[:-1]
    between = sums**2 / below + sums**2 / (len(x) - below)  # the two parts' sums differ in sign alone
    cut = int(between.argmax()) + 1
    upper = np.zeros(len(x), dtype=bool)
    upper[order[cut:]] = True
    return float(between[cut - 1] / (ranked**2).sum()), upper


def are_two(explained: float, upper: NDArray[np.bool_]) -> bool:
    smaller = min(upper.sum(), (~upper).sum())
    return bool(explained > SEPARATE and smaller >= max(FEW, FEWEST * len(upper)))


def group(
    values: Sequence[float], taken: Sequence[bool], reached: Sequence[bool | None], member: NDArray[np.bool_]
) -> EditGroup:
    known = [each for each, here in zip(reached, member, strict=True) if here and each is not None]
    return EditGroup(
        n=int(member.sum()),
        mean=float(np.asarray(values)[member].mean()),
        taken=float(np.asarray(taken)[member].mean()),
        reached=float(np.mean(known)) if known else None,
    )
