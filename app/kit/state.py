"""The whole state of the Explore page, and its form in the URL.

`ViewState` is what a link carries: checkpoint, edits, the question asked, the next edit being prepared, what is looked at, and
from where. `to_query` leaves out what is default, so a fresh page has a bare URL; `from_query` is total: whatever it cannot
read falls back to the default and is named in a list of notices.

An edit is written `subject~relation~target~method~layer~preset~strength[~batch][~implied][~name:value...]`, the relation by its name in the world,
the target as `d4` (steps from the true object, on a ring clockwise) or `o17` (entity 17); `batch` is there where it is written together with a
neighbour (`batches.py`), `implied` where with all that it implies. A restraint stands among the parameters: `restraint:sphere`, and its own as
`restraint.alpha:0.8`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote

from shatterscope.wire.edits import MAX_EDITS, MAX_STRENGTH

Scalar = float | int | bool | str
Parameters = dict[str, Scalar]
T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
MAX_ENTITY = 10**7
MAX_RELATION = 200  # characters
DEFAULT_RELATION = (
    "I_C1"  # asked by a link that names none, in worlds that have it; in others it is the one that they open on
)
TOUR = "shattering"  # the lesson for newcomers: Explore leads to it, the Lecture page lists it first

# Keys of a link that others read: which weights and version it was made on (`shatterscope.app.kit.links`), the live room one follows, what was unfolded (`shatterscope.app.pages.explore.shown`).
BESIDE = ("h", "ver", "room", "open")

RESTRAINT, UNRESTRAINED = "restraint", "none"

PROJECTIONS = ("isomap", "pca")
ALIGNMENTS = ("procrustes", "shared", "none")
MODES = ("two", "one")
SCALES = ("own", "same")
COLORS = ("place", "damage")


@dataclass(frozen=True)
class Target:
    """The new object: `distance` steps from the truth, on a ring clockwise, or a given entity (exactly one is set)."""

    distance: int | None = 500  # a quarter of the paper's ring: far enough to see it break
    object: int | None = None

    def __str__(self) -> str:
        return f"d{self.distance}" if self.distance is not None else f"o{self.object}"

    @classmethod
    def parse(cls, text: str) -> Target:
        match = re.fullmatch(r"d(-?[0-9]{1,8})|o([0-9]{1,8})", text)
        if match is None:
            raise ValueError(f"{text!r} is not a target such as d4 or o17")
        return cls(int(match[1]), None) if match[1] else cls(None, int(match[2]))


@dataclass(frozen=True)
class Tool:
    """How the next edit is made. `None` means the method's or the model's own default."""

    method: str | None = None
    preset: str | None = None
    layer: int | None = None
    parameters: Parameters = field(default_factory=dict)
    implied: bool = False


@dataclass(frozen=True)
class Edit:
    """One edit of the stack, complete enough to be computed again anywhere."""

    subject: int
    relation: str
    target: Target
    method: str
    layer: int | None = None
    preset: str | None = None
    strength: float = 1.0
    parameters: Parameters = field(default_factory=dict)
    batch: bool = False
    implied: bool = False

    def __str__(self) -> str:
        parts = [
            str(self.subject),
            _within(self.relation),
            str(self.target),
            self.method,
            "" if self.layer is None else str(self.layer),
            self.preset or "",
            _number(self.strength),
            *(("batch",) if self.batch else ()),
            *(("implied",) if self.implied else ()),
            *(f"{name}:{_scalar(value)}" for name, value in sorted(self.parameters.items())),
        ]
        return "~".join(parts)

    @classmethod
    def parse(cls, text: str) -> Edit:
        parts = text.split("~")
        if len(parts) < 7:
            raise ValueError(f"an edit has at least 7 parts, {text!r} has {len(parts)}")
        subject, relation, target, method, layer, preset, strength = parts[:7]
        batch = parts[7:8] == ["batch"]
        implied = parts[7 + batch : 8 + batch] == ["implied"]
        return cls(
            _integer(subject, 0, MAX_ENTITY),
            _relation(relation),
            Target.parse(target),
            _name(method),
            _integer(layer, 0, 999) if layer else None,
            _name(preset) if preset else None,
            _real(strength, -MAX_STRENGTH, MAX_STRENGTH),
            _parse_parameters(parts[7 + batch + implied :]),
            batch,
            implied,
        )

    @property
    def restraint(self) -> str | None:
        found = self.parameters.get(RESTRAINT, UNRESTRAINED)
        return None if found == UNRESTRAINED else str(found)

    def to_spec(self) -> dict[str, Any]:
        """The body's `edits` item of `POST /edits`."""
        target = {"distance": self.target.distance} if self.target.object is None else {"object": self.target.object}
        own = {name: value for name, value in self.parameters.items() if not of_restraint(name)}
        filters = {
            name.removeprefix(f"{RESTRAINT}."): self.parameters[name]
            for name in self.parameters.keys() - own.keys() - {RESTRAINT}
        }
        spec = {
            "subject": self.subject,
            "relation": self.relation,
            **target,
            "method": self.method,
            "layer": self.layer,
            "preset": self.preset,
            "parameters": own,
            "strength": self.strength,
            "batch": self.batch or None,
            "restraint": self.restraint and {"name": self.restraint, "parameters": filters},
            "implied": self.implied or None,
        }
        return {key: value for key, value in spec.items() if value is not None}


@dataclass(frozen=True)
class See:
    """What the scenes show. `relation=None` follows the question, `site=None` is the model's default site. `scale`: a cloud that has shrunk
    or grown much is drawn at its `own` scale, or at the `same` as the one before. `colors`: by the true place, or in Before by the damage that the next
    edit is to do. `wording`: of a language model, which of the wordings of the relation shown; None: the mean over all."""

    relation: str | None = None
    site: str | None = None
    projection: str = "isomap"
    dimensions: int = 3
    align: str = "procrustes"
    n_neighbors: int | None = None  # None: automatic
    mode: str = "two"
    scale: str = "own"
    colors: str = "place"
    wording: int | None = None

    def asked(self, relation: str) -> dict[str, Any]:
        """What `POST /projections` is asked for, but for the edit, where the question is about `relation`."""
        found: dict[str, Any] = {
            "relation": self.relation or relation,
            "site": self.site,
            "wording": self.wording,
            "method": self.projection,
            "dimensions": self.dimensions,
            "n_neighbors": self.n_neighbors,
            "align": self.align,
        }
        return {name: value for name, value in found.items() if value is not None}


Camera = tuple[float, ...]  # eye, centre and up, nine numbers


@dataclass(frozen=True)
class Place:
    """Where a lecture is: steps count from 1; `revealed` once the step's question is answered."""

    lesson: str
    step: int = 1
    revealed: bool = False


@dataclass(frozen=True)
class ViewState:
    checkpoint: str | None = None
    subject: int = 0
    relation: str = DEFAULT_RELATION
    target: Target = Target()
    tool: Tool = Tool()
    edits: tuple[Edit, ...] = ()
    see: See = See()
    camera: Camera | None = None
    lecture: Place | None = None

    def to_query(self) -> str:
        """The query string without `?`; empty for the default state."""
        pairs: list[tuple[str, str]] = []
        if self.checkpoint is not None:
            pairs.append(("c", self.checkpoint))
        if (self.subject, self.relation) != (0, DEFAULT_RELATION):
            pairs.append(("q", f"{self.subject}~{_within(self.relation)}"))
        if self.target != Target():
            pairs.append(("t", str(self.target)))
        pairs.extend(("e", str(edit)) for edit in self.edits)
        for key, value in (("m", self.tool.method), ("p", self.tool.preset), ("l", self.tool.layer)):
            if value is not None:
                pairs.append((key, str(value)))
        pairs.extend(("x", f"{name}:{_scalar(value)}") for name, value in sorted(self.tool.parameters.items()))
        pairs += [("implied", "1")] if self.tool.implied else []
        default = See()
        for item in fields(See):
            value = getattr(self.see, item.name)
            if item.name == "relation" and value is not None:
                value = _within(value)
            if value != getattr(default, item.name):
                pairs.append((_SEE_KEYS[item.name], str(value)))
        if self.camera is not None:
            pairs.append(("cam", "~".join(_number(value) for value in self.camera)))
        if self.lecture is not None:
            pairs += [("lesson", self.lecture.lesson), ("step", str(self.lecture.step))]
            pairs += [("reveal", "1")] if self.lecture.revealed else []
        return "&".join(f"{key}={quote(value, safe='~:._-')}" for key, value in pairs)

    @classmethod
    def from_query(cls, query: str) -> tuple[ViewState, list[str]]:
        """The state a query string describes, and one notice for each part of it that was ignored."""
        return _QueryReader(query).read()


_SEE_KEYS = {
    "relation": "r",
    "site": "s",
    "projection": "v",
    "dimensions": "dim",
    "align": "a",
    "n_neighbors": "k",
    "mode": "w",
    "scale": "scale",
    "colors": "colors",
    "wording": "wording",
}


class _QueryReader:
    """Reads a query string part by part; a part that fails leaves its default and a notice."""

    def __init__(self, query: str) -> None:
        self.notices: list[str] = []
        self.values: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(query.lstrip("?"), keep_blank_values=True, max_num_fields=400)
        except ValueError:
            pairs = []
            self.notices.append("The link is too long to read; the page shows its default view.")
        for key, value in pairs:
            self.values.setdefault(key, []).append(value)

    def one(self, key: str, parse: Callable[[str], T], default: T, what: str) -> T:
        found = self.values.pop(key, None)
        if found is None:
            return default
        try:
            return parse(found[-1])
        except ValueError:
            self.notices.append(
                f"The link's {what} ({key}={found[-1][:40]!r}) cannot be read, so the default is shown."
            )
            return default

    def read(self) -> tuple[ViewState, list[str]]:
        blank, see = ViewState(), See()
        checkpoint = self.one("c", _name_or_none, None, "checkpoint")
        subject, relation = self.one("q", _question, (blank.subject, blank.relation), "question")
        target = self.one("t", Target.parse, blank.target, "new object")
        tool = Tool(
            self.one("m", _name_or_none, None, "method"),
            self.one("p", _name_or_none, None, "preset"),
            self.one("l", lambda text: _integer(text, 0, 999), None, "layer"),
            self.parameters(),
            self.one("implied", _choice(("1",)), None, "implied") is not None,
        )
        see = See(
            self.one("r", _relation, None, "relation to look at"),
            self.one("s", _name_or_none, None, "site"),
            self.one("v", _name, see.projection, "projection"),
            self.one("dim", lambda text: _integer(text, 2, 3), see.dimensions, "number of dimensions"),
            self.one("a", _choice(ALIGNMENTS), see.align, "alignment"),
            self.one("k", lambda text: _integer(text, 1, 9999), None, "number of neighbours"),
            self.one("w", _choice(MODES), see.mode, "layout"),
            self.one("scale", _choice(SCALES), see.scale, "scale"),
            self.one("colors", _choice(COLORS), see.colors, "colours"),
            self.one("wording", lambda text: _integer(text, 0, 99), None, "wording"),
        )
        edits = self.edits()
        camera = self.one("cam", _camera, None, "camera")
        lecture = self.lecture()
        for key in BESIDE:
            self.values.pop(key, None)
        if self.values:
            self.notices.append(f"The link has parts this page does not know: {', '.join(sorted(self.values))[:80]}.")
        return ViewState(checkpoint, subject, relation, target, tool, edits, see, camera, lecture), self.notices

    def lecture(self) -> Place | None:
        lesson = self.one("lesson", _name_or_none, None, "lesson")
        step = self.one("step", lambda text: _integer(text, 1, 99), 1, "step")
        revealed = self.one("reveal", _choice(("1",)), None, "reveal")
        return None if lesson is None else Place(lesson, step, revealed is not None)

    def edits(self) -> tuple[Edit, ...]:
        """All or nothing: a stack with one edit missing would be another model."""
        texts = self.values.pop("e", [])
        try:
            if len(texts) > MAX_EDITS:
                raise ValueError(f"more than {MAX_EDITS} edits")
            return tuple(Edit.parse(text) for text in texts)
        except ValueError as error:
            self.notices.append(f"The link's edits cannot be read ({str(error)[:90]}), so the unedited model is shown.")
            return ()

    def parameters(self) -> Parameters:
        texts = self.values.pop("x", [])
        try:
            return _parse_parameters(texts)
        except ValueError as error:
            self.notices.append(f"The link's parameters cannot be read ({error}), so the preset's are shown.")
            return {}


def of_restraint(parameter: str) -> bool:
    """Whether this is the restraint, or one of its own parameters."""
    return parameter.partition(".")[0] == RESTRAINT


# --- small readers and writers ---------------------------------------------------------------------------------------


def _number(value: float) -> str:
    return f"{value:.6g}"


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else value


def _parse_scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    try:
        value = float(text)
    except ValueError:
        return _name(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def _parse_parameters(texts: list[str]) -> Parameters:
    found: Parameters = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"{text[:40]!r} is not name:value")
        found[_name(name)] = _parse_scalar(value)
    return found


def _integer(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(f"{text[:40]!r} is not a whole number in {low}..{high}")
    return int(text)


def _real(text: str, low: float, high: float) -> float:
    value = float(text)
    if not low <= value <= high:
        raise ValueError(f"{text[:40]!r} does not lie in {low}..{high}")
    return value


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a name")
    return text


def _name_or_none(text: str) -> str | None:
    return _name(text)


def _choice(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text[:40]!r} is none of {', '.join(allowed)}")
        return text

    return parse


def _question(text: str) -> tuple[int, str]:
    subject, _, relation = text.partition("~")
    return _integer(subject, 0, MAX_ENTITY), _relation(relation)


def _within(relation: str) -> str:
    """A relation's name between tildes."""
    return relation.replace("%", "%25").replace("~", "%7E")


def _relation(text: str) -> str:
    """A name as the world has it: any text."""
    name = text.replace("%7E", "~").replace("%25", "%")
    if not 0 < len(name) <= MAX_RELATION or not name.isprintable() or "~" in text:
        raise ValueError(f"{text[:40]!r} is not the name of a relation")
    return name


def _camera(text: str) -> Camera:
    values = tuple(_real(part, -1e3, 1e3) for part in text.split("~"))
    if len(values) != 9:
        raise ValueError("a camera has nine numbers")
    return values
