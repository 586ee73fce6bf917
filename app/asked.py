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
    if not _are_outputs(body.get("outputs"), output):
        raise _wrong("outputs", "name those of the callback, each by `id` and `property`")
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
    names = ", ".join(f"{each['id']}.{each['property']}" for each in wanted)
    if not isinstance(given, list) or len(given) != len(wanted) or not all(map(_fits, given, wanted)):
        raise _wrong(
            part, f"this callback wants {names or 'none'}, in this order, each with `id`, `property` and `value`"
        )


def _fits(given: Any, wanted: Mapping[str, Any]) -> bool:
    """An id that is a pattern (JSON, as Dash writes it) stands for one element, or for a list of all that match."""
    id, name = wanted["id"], wanted["property"]
    pattern = id.startswith("{")
    places = given if pattern and isinstance(given, list) else [given]
    return _are_places(places) and all(
        each["property"] == name and isinstance(each["id"], dict) == pattern and (pattern or each["id"] == id)
        for each in places
    )


def _are_outputs(given: Any, output: str) -> bool:
    """`output` names one as `id.property`, several as `..id.property...id.property..`."""
    several = output.startswith("..")
    wanted = output[2:-2].split("...") if several else [output]
    if isinstance(given, list) != several:
        return False
    places = given if several else [given]
    return len(places) == len(wanted) and all(map(_is_output, places, wanted))


def _is_output(given: Any, wanted: str) -> bool:
    id, _, name = wanted.rpartition(".")
    pattern = id.startswith("{")
    places = given if pattern and isinstance(given, list) else [given]
    return _are_places(places) and all(
        each["property"].partition("@")[0] == name.partition("@")[0] and (pattern or each["id"] == id)
        for each in places
    )


def _are_places(given: list[Any]) -> bool:
    return all(
        isinstance(each, dict) and _is_id(each.get("id")) and isinstance(each.get("property"), str) for each in given
    )


def _is_id(id: Any) -> bool:
    if isinstance(id, dict):
        return all(isinstance(value, str | int | float) for value in id.values())
    return isinstance(id, str)


def _wrong(field: str, message: str) -> HTTPException:
    return HTTPException(422, f"body.{field}: {message}")
