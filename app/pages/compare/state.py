"""The whole state of the Compare page, and its form in the URL.

The edits are those of the Explore page (`ViewState`: a checkpoint, a question with a new object, or a stack); besides them `by` names a
contender, `method:preset` or `method:preset+restraint`, once for each (the oracle's: `oracle:learned`, `oracle:learned+implied`, and their controls, which are
always beside them), `sort` the column the table is sorted by (`-` before it: falling), and `run=1` says that the
results below belong to just this: a page opened so computes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote

from shatterscope.app.kit.state import RESTRAINT, Edit, See, ViewState
from shatterscope.wire.edits import EditorInfo

METHODS_AT_FIRST = ("rome", "memit", "pmet", "alphaedit")  # the paper's four
MAX_CONTENDERS = 64
ORACLE = "oracle"  # trained instead of edited
IMPLIED = "implied"  # with all that the fact implies
CONTROL = "control"

_CONTENDER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}:[A-Za-z][A-Za-z0-9_.-]{0,63}(\+[A-Za-z][A-Za-z0-9_.-]{0,63})?")
_SORT = re.compile(r"-?[a-z][a-z_]{0,31}")
_OWN = ("by", "sort", "run")


@dataclass(frozen=True)
class Comparison:
    """`by=None`: the methods at first. `view` says what is edited, and the scale of the pictures; its `tool`, `camera` and the rest of `see` are not used."""

    view: ViewState = field(default_factory=ViewState)
    by: tuple[str, ...] | None = None
    sort: str = ""
    run: bool = False

    def to_query(self) -> str:
        """The query string without `?`; empty for the default state."""
        pairs = [("by", item) for item in self.by] if self.by is not None else []
        if self.by == ():
            pairs.append(("by", ""))
        if self.sort:
            pairs.append(("sort", self.sort))
        if self.run:
            pairs.append(("run", "1"))
        view = _edited(self.view, self.view.edits)
        own = "&".join(f"{key}={quote(value, safe=':._-')}" for key, value in pairs)
        return "&".join(part for part in (view.to_query(), own) if part)

    @classmethod
    def from_query(cls, query: str) -> tuple[Comparison, list[str]]:
        """The state a query string describes, and one notice for each part of it that was ignored. Never fails."""
        own: dict[str, list[str]] = {}
        rest = []
        for part in query.lstrip("?").split("&"):
            key = part.partition("=")[0]
            if key in _OWN:
                own.setdefault(key, []).extend(value for _, value in parse_qsl(part, keep_blank_values=True))
            elif part:
                rest.append(part)
        view, notices = ViewState.from_query("&".join(rest))
        named = [item for item in own.get("by", []) if item]
        by = tuple(dict.fromkeys(item for item in named if _CONTENDER.fullmatch(item)))[:MAX_CONTENDERS]
        if len(by) < len(named):
            notices.append("Some methods of the link (by=…) cannot be read or are named twice; they are left out.")
        sort = own.get("sort", [""])[-1]
        if sort and not _SORT.fullmatch(sort):
            notices.append(f"The link's column to sort by ({sort[:40]!r}) cannot be read.")
            sort = ""
        return cls(view, by if "by" in own else None, sort, own.get("run") == ["1"]), notices


@dataclass(frozen=True)
class Contender:
    """One method with one preset, and the edits as it makes them; `preset` as it is told, with the restraint: `tuned+sphere`."""

    method: str
    preset: str
    title: str
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        return f"{self.method}:{self.preset}"

    @property
    def trained(self) -> bool:
        """Whether it is trained, which takes a while and is told of; a stack is not."""
        return self.method == ORACLE and len(self.edits) == 1

    def in_explore(self, view: ViewState) -> str:
        """The address of the Explore page with just these edits made; empty for what is no edit."""
        if self.method == ORACLE:
            return ""
        return f"/?{_edited(view, self.edits).to_query()}"


def _edited(view: ViewState, edits: tuple[Edit, ...]) -> ViewState:
    """The question and the new object of `view`, at its scale, with these edits made."""
    see = See(scale=view.see.scale)
    return ViewState(view.checkpoint, view.subject, view.relation, view.target, edits=edits, see=see)


def offered(editors: list[EditorInfo]) -> dict[str, tuple[EditorInfo, str, str | None]]:
    """Every contender there is: its name -> the editor, the preset's name, and the restraint of the method's default preset, if any; of the oracle, whether
    with all that is implied."""
    found: dict[str, tuple[EditorInfo, str, str | None]] = {}
    for editor in editors:
        if editor.name == ORACLE:
            how = (None, IMPLIED)
            presets = [(preset.name, each) for each in how for preset in editor.presets]
            found |= {_named(ORACLE, preset, each): (editor, preset, each) for preset, each in presets}
            continue
        found |= {f"{editor.name}:{preset.name}": (editor, preset.name, None) for preset in editor.presets}
        usual = editor.default_preset
        found |= {f"{editor.name}:{usual}+{each.name}": (editor, usual, each.name) for each in editor.restraints}
    return found


def _named(method: str, preset: str, more: str | None) -> str:
    return ":".join((method, preset)) + (f"+{more}" if more else "")


def with_controls(chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Training moves a model whatever it is told: nobody sees an oracle without its control."""
    oracles = [name.partition("+")[2] for name in chosen if name.startswith(f"{ORACLE}:")]
    return tuple(dict.fromkeys((*chosen, *(_named(ORACLE, CONTROL, more) for more in oracles))))


def at_first(editors: list[EditorInfo]) -> tuple[str, ...]:
    chosen = [f"{editor.name}:{editor.default_preset}" for editor in editors if editor.name in METHODS_AT_FIRST]
    return tuple(chosen) or tuple(offered(editors))[:4]


def edits_of(view: ViewState) -> tuple[Edit, ...]:
    """What is compared: the stack, or the one edit that the question and the new object make."""
    return view.edits or (Edit(view.subject, view.relation, view.target, ""),)


def contenders(state: Comparison, editors: list[EditorInfo]) -> list[Contender]:
    """In the order of the editors. Each edit keeps its fact and its strength, and where the method writes batches its batch and all that it implies."""
    found = offered(editors)
    chosen = with_controls(at_first(editors) if state.by is None else state.by)
    return [
        Contender(
            editor.name,
            preset if restraint is None else f"{preset}+{restraint}",
            editor.title,
            tuple(
                replace(
                    edit,
                    method=editor.name,
                    preset=preset,
                    layer=None,
                    parameters={} if restraint in (None, IMPLIED) else {RESTRAINT: restraint},
                    batch=edit.batch and editor.batches,
                    implied=editor.batches and (edit.implied or restraint == IMPLIED),
                )
                for edit in edits_of(state.view)
            ),
        )
        for name, (editor, preset, restraint) in found.items()
        if name in chosen
    ]
