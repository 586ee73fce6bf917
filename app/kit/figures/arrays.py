"""Arrays as plotly reads them: `{dtype, bdata}`, little-endian bytes in base64."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shatterscope.wire.base import Array

FloatArray = NDArray[np.float32]


def decode(array: Array) -> FloatArray:
    """The array the wire carries, in its shape."""
    return np.frombuffer(base64.b64decode(array.bdata), dtype="<f4").reshape(array.shape)


def encode(values: NDArray[Any]) -> dict[str, str]:
    """A one-dimensional array for a trace's `x`, `y`, `z`, `customdata`."""
    kind = values.dtype.newbyteorder("<")
    return {"dtype": f"{kind.kind}{kind.itemsize}", "bdata": base64.b64encode(values.astype(kind).tobytes()).decode()}
