"""What a page may ask of a callback: the inputs and states that the callback has, nothing else.

Dash trusts what it is sent, and fails where that is not what its own page would send. Here anything else is answered 422. The values
themselves are read by the callbacks: one that cannot be read raises there, which is told in the same way (`unreadable`).
"""

from __future__ import annotations

import json
import logging
import traceback
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
    # A callback that runs in the browser is in the map too, without a function.
    if not isinstance(output, str) or "callback" not in callbacks.get(output, {}):
        raise _wrong("output", "this page has no such callback on the server")
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
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error}"[:200]
        log.warning("a callback could not read what it was sent: %r at %s:%s", reason, where.filename, where.lineno)
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
    places = given if wanted["id"].startswith("{") and isinstance(given, list) else [given]
    return all(_is_place(each, wanted["id"]) and each["property"] == wanted["property"] for each in places)


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
    places = given if id.startswith("{") and isinstance(given, list) else [given]
    return all(_is_place(each, id) and each["property"].partition("@")[0] == name.partition("@")[0] for each in places)


def _is_place(given: Any, wanted: str) -> bool:
    """A property of the element `wanted`; where that is a pattern, of one that matches it: a list in it stands for any value."""
    if not isinstance(given, dict) or not isinstance(given.get("property"), str):
        return False
    id = given.get("id")
    if not wanted.startswith("{"):
        return isinstance(id, str) and id == wanted
    parts = json.loads(wanted)
    return (
        isinstance(id, dict)
        and id.keys() == parts.keys()
        and all(
            isinstance(id[key], str | int | float) if isinstance(part, list) else id[key] == part
            for key, part in parts.items()
        )
    )


def _wrong(field: str, message: str) -> HTTPException:
    return HTTPException(422, f"body.{field}: {message}")
