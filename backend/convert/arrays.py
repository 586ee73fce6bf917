"""Numbers for the wire."""

from __future__ import annotations

import base64
import math

import numpy as np
from numpy.typing import NDArray

from shatterscope.wire.base import Array
from shatterscope.wire.measures import (
    Change,
)


def array(values: NDArray[np.floating]) -> Array:
    data = np.ascontiguousarray(values, dtype="<f4")
    return Array(shape=list(data.shape), bdata=base64.b64encode(data.tobytes()).decode("ascii"))


def values_of(array: Array) -> NDArray[np.float32]:
    """The array that `array` wrote down, in its shape."""
    return np.frombuffer(base64.b64decode(array.bdata), dtype="<f4").reshape(array.shape)


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if math.isfinite(value) else None


def change(before: float, after: float) -> Change:
    return Change(before=before, after=after, change=after - before)
