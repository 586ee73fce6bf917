"""What the person did since the page was last answered.

Two things come with every call: the controls as they stand, and the clicks that no answer has seen, in their order, each with the controls
as they stood when it was made (`frontend_assets/address/clicks.js`). A call that is overtaken by the next one (a click on `apply` and a change of the
question right after it) is dropped by the browser; the next one carries the same clicks again, so nothing is lost. Each is acted on once,
because an answer says which it has seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shatterscope.app.kit import ids
from shatterscope.app.kit.clicks import Click, Screen, clicks_of

Json = dict[str, Any]


@dataclass(frozen=True)
class Happened:
    """`cancelled`: the page stopped waiting, and its URL is the last view that was complete; `shown`: what the controls stood at before
    the first of `clicks`; `screen`: what they stand at now."""

    opened: bool
    cancelled: bool
    clicks: tuple[Click, ...]
    shown: Json
    screen: Screen


def happened(page: Json, form: list[Json]) -> Happened:
    """`page`: values as the callback got them; `form`: the method's parameters with their ids."""
    seen = _seen(page)
    new, blank = page["url"]["at"] != seen.get("url"), page["part"][ids.MODEL] is None
    cancelled = new and not blank and page["url"].get("cancelled", False)
    opened = (new or blank) and not cancelled
    screen = Screen(page["value"], tuple(form))
    clicks = tuple(click for click in clicks_of(page["clicks"], screen.value) if click.id > seen.get("click", 0))
    # Of a page just opened the controls are still those of the page before (`was`): only what is done to them from then on counts.
    first = clicks[0].screen if clicks else screen
    shown = {**first.value, **(page["url"].get("was") or {})} if opened else seen.get("shown", {})
    return Happened(opened, cancelled, clicks, shown, screen)


def now_seen(page: Json, shown: Json) -> Json:
    """What an answer that leaves the controls at `shown` has seen."""
    return {"url": page["url"]["at"], "shown": shown, "click": last_click(page)}


def last_click(page: Json) -> int:
    return max((each["id"] for each in (page["clicks"] or {}).get("queue", ())), default=_seen(page).get("click", 0))


def _seen(page: Json) -> Json:
    if page["part"][ids.MODEL] is None:  # what the browser kept was seen by the page before this one
        return {}
    found: Json = (page["part"][ids.HISTORY] or {}).get("seen", {})
    return found
