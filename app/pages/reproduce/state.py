"""What the Reproduce page shows, and its form in the URL: checkpoint, run, method, preset, where R is read, what an accuracy is, and the edit whose
rings are drawn.

A run is one or two jobs: `run=<id of single edits>~<id of sequences>`; without it the run that ships with the checkpoint is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import parse_qsl, quote

from shatterscope.app.kit.state import Edit, Target
from shatterscope.wire.reproduction import Measure
from shatterscope.wire.sweeps import LAST

METHOD = "rome"  # the paper's
BOTH = "both"  # presets: all, or where there are more than two, those at the relation's token
SUBJECT = "subject"  # those at the subject's token
MEASURES: tuple[Measure, ...] = get_args(Measure)
DISTANCE = 500  # of the edit whose rings are drawn: where the ring is big enough, far enough to see it break
MAX_JOBS = 4

_JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class RunView:
    """`checkpoint` None: whichever has a run; `preset` may be `BOTH` or `SUBJECT`; `site` `LAST`: the first of the report's; `edit` None: the
    default one."""

    checkpoint: str | None = None
    jobs: tuple[str, ...] = ()
    method: str = METHOD
    preset: str = BOTH
    edit: Edit | None = None
    site: str = LAST
    measure: Measure = "argmax"

    def to_query(self) -> str:
        """Without `?`; what is default is left out."""
        pairs: list[tuple[str, str | None]] = [
            ("c", self.checkpoint),
            ("run", "~".join(self.jobs)),
            ("m", self.method if self.method != METHOD else None),
            ("p", self.preset if self.preset != BOTH else None),
            ("s", self.site if self.site != LAST else None),
            ("a", self.measure if self.measure != "argmax" else None),
            ("e", str(self.edit) if self.edit else None),
        ]
        return "&".join(f"{key}={quote(value, safe='~:._-')}" for key, value in pairs if value)

    @classmethod
    def from_query(cls, query: str) -> tuple[RunView, list[str]]:
        """The view, and one notice for each part that cannot be read. Never fails."""
        try:
            found = dict(parse_qsl(query.lstrip("?"), max_num_fields=100))
        except ValueError:
            return cls(), ["The link is too long to read; the page shows its default view."]
        notices: list[str] = []

        def ignored(what: str) -> None:
            notices.append(f"The link's {what} cannot be read, so the default is shown.")

        names = {}
        for key, what in (("c", "checkpoint"), ("m", "method"), ("p", "preset"), ("s", "site")):
            if key in found and not _NAME.fullmatch(found[key]):
                ignored(what)
                del found[key]
            names[key] = found.get(key)
        jobs = tuple(found["run"].split("~")) if "run" in found else ()
        if len(jobs) > MAX_JOBS or not all(map(_JOB.fullmatch, jobs)):
            ignored("run")
            jobs = ()
        measure = next((each for each in MEASURES if each == found.get("a", "argmax")), None)
        if measure is None:
            ignored("accuracy")
        edit = None
        if "e" in found:
            try:
                edit = Edit.parse(found["e"])
            except ValueError:
                ignored("edit")
        return cls(
            names["c"],
            jobs,
            names["m"] or METHOD,
            names["p"] or BOTH,
            edit,
            names["s"] or LAST,
            measure or "argmax",
        ), notices

    def to_store(self) -> dict[str, Any]:
        return {"query": self.to_query()}

    @classmethod
    def from_store(cls, stored: dict[str, Any] | None) -> RunView:
        return cls.from_query(stored["query"])[0] if stored else cls()


def default_edit(n_entities: int, relation: str = "I_C1") -> Edit:
    """The edit whose rings are drawn when nobody has chosen one; of other worlds see `runs.first_edit`."""
    return Edit(0, relation, Target(min(DISTANCE, n_entities // 2)), METHOD)
