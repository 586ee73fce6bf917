"""What the League page shows, and its form in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl, quote

from shatterscope.wire.league import SetName

Family = Literal["all", "weights", "beside"]
At = Literal["equal", "full"]
Efficacy = Literal["success", "generality"]
MAX_DISTANCE = 1_000_000


@dataclass(frozen=True)
class LeagueView:
    """`distance` None: all edits, 0: corrective ones. `family`: methods that change weights, or add something beside them. `at`: equal efficacy, or strength 1.
    `sort`: a column, with `-` before it for falling. `checkpoint` None: the first that has a table."""

    checkpoint: str | None = None
    set: SetName = "open"
    distance: int | None = None
    family: Family = "all"
    at: At = "equal"
    efficacy: Efficacy = "success"
    sort: str = ""

    def to_query(self) -> str:
        """Without `?`; what is default is left out."""
        pairs = [
            ("c", self.checkpoint or ""),
            ("set", self.set if self.set != "open" else ""),
            ("d", "" if self.distance is None else str(self.distance)),
            ("by", self.family if self.family != "all" else ""),
            ("at", self.at if self.at != "equal" else ""),
            ("y", self.efficacy if self.efficacy != "success" else ""),
            ("sort", self.sort),
        ]
        return "&".join(f"{key}={quote(value, safe='._-')}" for key, value in pairs if value)

    @classmethod
    def from_query(cls, query: str) -> tuple[LeagueView, list[str]]:
        """The view, and one notice for each part that cannot be read. Never fails."""
        try:
            found = dict(parse_qsl(query.lstrip("?"), max_num_fields=100))
        except ValueError:
            return cls(), ["The link is too long to read; the page shows its default view."]
        notices: list[str] = []

        def one_of(key: str, choices: tuple[str, ...], what: str) -> str:
            given = found.get(key, choices[0])
            if given not in choices:
                notices.append(f"The link's {what} cannot be read, so the default is shown.")
                return choices[0]
            return given

        distance = None
        if "d" in found:
            if found["d"].isascii() and found["d"].isdigit() and int(found["d"]) <= MAX_DISTANCE:
                distance = int(found["d"])
            else:
                notices.append("The link's distance cannot be read, so all are shown.")
        checkpoint = found.get("c", "")[:64]
        sort = found.get("sort", "")
        sort = sort if len(sort) < 40 and sort.replace("-", "").replace("_", "").isalnum() else ""
        return cls(
            checkpoint or None,
            one_of("set", get_args(SetName), "set"),  # type: ignore[arg-type]
            distance,
            one_of("by", get_args(Family), "kind of methods"),  # type: ignore[arg-type]
            one_of("at", get_args(At), "strength"),  # type: ignore[arg-type]
            one_of("y", get_args(Efficacy), "efficacy"),  # type: ignore[arg-type]
            sort,
        ), notices
