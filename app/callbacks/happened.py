"""What the person did since the page was last answered.

Found by comparing the page with what the last answer had seen, not from the name of the element that called: a call that is
overtaken by the next one (a click on `apply` and a change of the question right after it) is dropped by the browser, and what it
carried must not be lost. Each thing is acted on once, because the answer says what it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import ids

Json = dict[str, Any]


@dataclass(frozen=True)
class Happened:
    """`cancelled`: the page stopped waiting, and its URL is the last view that was complete; `changed`: controls whose value is not what was shown; `clicks`: new presses of each button."""

    opened: bool
    cancelled: bool
    changed: frozenset[str]
    clicks: dict[str, int]
    picked: int | None
    mended: str | None
    removed: str | None
    joined: str | None


def happened(page: Json, grouping: Json) -> Happened:
    """`page`: values as the callback got them; `grouping`: the same with the ids of pattern-matching elements."""
    seen = _seen(page)
    new, blank = page["url"]["at"] != seen.get("url"), page["part"][ids.MODEL] is None
    cancelled = new and not blank and page["url"].get("cancelled", False)
    opened = (new or blank) and not cancelled
    shown = seen.get("shown", {})
    picked = page["picked"]
    return Happened(
        opened=opened,
        cancelled=cancelled,
        changed=frozenset(name for name, value in page["value"].items() if not opened and value != shown.get(name)),
        clicks={name: (count or 0) - seen.get("clicks", {}).get(name, 0) for name, count in page["clicks"].items()},
        picked=int(picked["entity"]) if picked and picked["at"] != seen.get("picked") else None,
        mended=_pressed(grouping["mended"], seen.get("mended", {})),
        removed=_pressed(grouping["removed"], seen.get("removed", {})),
        joined=_pressed(grouping["joined"], seen.get("joined", {})),
    )


def now_seen(page: Json, grouping: Json, shown: Json) -> Json:
    """What an answer that leaves the controls at `shown` has seen."""
    return {
        "url": page["url"]["at"],
        "shown": shown,
        "clicks": {name: count or 0 for name, count in page["clicks"].items()},
        "picked": page["picked"]["at"] if page["picked"] else None,
        "mended": _counts(grouping["mended"]),
        "removed": _counts(grouping["removed"]),
        "joined": _counts(grouping["joined"]),
    }


def _seen(page: Json) -> Json:
    if page["part"][ids.MODEL] is None:  # what the browser kept was seen by the page before this one
        return {}
    found: Json = (page["part"][ids.HISTORY] or {}).get("seen", {})
    return found


def _counts(buttons: list[Json]) -> dict[str, int]:
    return {item["id"]["index"]: item["value"] for item in buttons if item.get("value")}


def _pressed(buttons: list[Json], seen: dict[str, int]) -> str | None:
    return next((key for key, count in _counts(buttons).items() if count > seen.get(key, 0)), None)
