"""Callbacks that are pure functions of what the page sends: the server answers one of many pages that ask the same, and all get it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any


def asks_for(outputs: Collection[str]) -> Callable[[bytes], bool]:
    """Whether a request's body names one of `outputs` (`id.property`) first."""
    return lambda body: _first_output(body) in outputs


def _first_output(body: bytes) -> str | None:
    """Of one output `id.property`, of several `..id.property...id.property..`."""
    try:
        output: Any = json.loads(body)["output"]
    except (ValueError, KeyError, TypeError):
        return None
    return output.strip(".").split("...")[0] if isinstance(output, str) else None


def went_well(content: bytes) -> bool:
    """Whether an answer puts nothing into the page's places for problems."""
    try:
        response: Any = json.loads(content)["response"]
        return not any(name.startswith("problem") and any(values.values()) for name, values in response.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
