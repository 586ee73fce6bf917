"""What a page may ask of a callback: the inputs and states that the callback has, nothing else.

Dash trusts what it is sent, and fails where that is not what its own page would send. Here anything else is answered 422. The values
themselves are read by the callbacks: one that cannot be read raises there, which is told in the same way (`unreadable`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

# What reading a value that no page sends raises.
UNREADABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def check(body: Any, callbacks: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises `HTTPException`, a 422 that says what is wrong; `callbacks` is Dash's map of them, by output."""
    if not isinstance(body, dict):
        raise _wrong("body", "send JSON, an object")
    output = body.get("output")
    if not isinstance(output, str) or output not in callbacks:
        raise _wrong("output", "this page has no such callback")
    callback = callbacks[output]
    for part, wanted in (("inputs", callback["inputs"]), ("state", callback["state"])):
        _check_values(part, body.get(part, []), wanted)
    outputs = body.get("outputs", [])
    if not _are_places(outputs if isinstance(outputs, list) else [outputs]):
        raise _wrong("outputs", "name each by `id` and `property`")
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(each, str) for each in changed):
        raise _wrong("changedPropIds", "send a list of names such as `subject.value`")


def unreadable(error: Exception) -> Exception:
    """What a callback that raised `error` answers."""
    log = logging.getLogger(__name__)
    if isinstance(error, UNREADABLE):
        log.warning("a callback could not read what it was sent", exc_info=error)
        return HTTPException(
            422, "the page sent something that cannot be read; reload it. The server's log has the reason"
        )
    log.error("a callback failed", exc_info=error)
    return error


def _check_values(part: str, given: Any, wanted: list[Mapping[str, Any]]) -> None:
    names = [(each["id"], each["property"]) for each in wanted]
    if not isinstance(given, list) or not _are_places(given):
        raise _wrong(part, "send a list of objects with `id`, `property` and `value`")
    if [(each["id"], each["property"]) for each in given] != names:
        raise _wrong(
            part, f"this callback wants {', '.join(f'{id}.{name}' for id, name in names) or 'none'}, in this order"
        )


def _are_places(given: list[Any]) -> bool:
    return all(
        isinstance(each, dict) and isinstance(each.get("id"), str) and isinstance(each.get("property"), str)
        for each in given
    )


def _wrong(field: str, message: str) -> HTTPException:
    return HTTPException(422, f"body.{field}: {message}")
