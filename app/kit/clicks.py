"""Clicks as a page sends them: each with the controls as they stood when it was made (`frontend_assets/address/clicks.js`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Screen:
    """The controls at one moment: `value` by name, `form` the method's parameters as `{id, value}`."""

    value: Json
    form: tuple[Json, ...] = ()

    def changed(self, shown: Json) -> frozenset[str]:
        """The controls that do not stand at what was `shown`."""
        return frozenset(name for name, value in self.value.items() if value != shown.get(name))


@dataclass(frozen=True)
class Click:
    """`kind`: a button's id, the type of a pattern of them, or what else counts as a click; `what` goes with it."""

    id: int
    kind: str
    what: Any
    screen: Screen


def clicks_of(data: Json | None, controls: Json) -> list[Click]:
    """The clicks that a page sends, each with its values of these `controls`."""
    return [
        Click(
            each["id"],
            each["kind"],
            each.get("what"),
            Screen({name: each["value"].get(name) for name in controls}, tuple(each["form"])),
        )
        for each in (data or {}).get("queue", ())
    ]
