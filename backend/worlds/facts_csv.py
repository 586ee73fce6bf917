"""Facts as a person writes them: CSV text with a header, `subject,relation,object` and optionally `group`; and where each entity is drawn,
`entity,x,y` and optionally `z`, `color`, `branch`, `group`.

All that is wrong is told at once, each problem with its line and what to do. Names are kept as written, in Unicode's composed form (NFC) and
without blanks around them.
"""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shatterscope.backend.files import UnreadableFile, read_file
from shatterscope.backend.worlds.base import WorldError

MAX_BYTES = 4 * 2**20
MAX_TOLD = 20  # problems, of one text
MAX_NAME = 60  # characters
FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes a cell that begins so

FACTS = (("subject", "relation", "object"), ("group",))
LAYOUT = (("entity", "x", "y"), ("z", "color", "branch", "group"))


class FactsError(WorldError):
    """What is wrong with a text, `problems`, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        told = list(self.problems[:MAX_TOLD])
        if (more := len(self.problems) - MAX_TOLD) > 0:
            told.append(f"and {more} more")
        super().__init__("\n".join(told))


@dataclass
class Problems:
    """What is wrong (`errors`) and what may be (`warnings`); `of` names the text they are in."""

    of: str = ""
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def at(self, line: int, message: str) -> None:
        self.errors.append(f"{self.of}line {line}: {message}")

    def add(self, message: str) -> None:
        self.errors.append(f"{self.of}{message}")

    def warn(self, message: str) -> None:
        self.warnings.append(f"{self.of}{message}")

    def stop(self) -> None:
        """Raises `FactsError` where anything is wrong."""
        if self.errors:
            raise FactsError(self.errors)


@dataclass(frozen=True)
class StatedFact:
    line: int
    subject: str
    relation: str
    object: str
    group: str | None  # None where there is no such column

    @property
    def names(self) -> tuple[str, str, str]:
        return self.subject, self.relation, self.object


@dataclass(frozen=True)
class LayoutRow:
    """Where an entity is drawn: 2 or 3 `coordinates`, `color` in [0, 1]; `group` None: in every picture."""

    line: int
    entity: str
    coordinates: tuple[float, ...]
    color: float | None
    branch: str | None
    group: str | None


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises `WorldError` where it is none, or too large."""
    try:
        content = read_file(file, MAX_BYTES)
    except FileNotFoundError:
        raise WorldError(f"there is no file {file}") from None
    except UnreadableFile as error:
        raise WorldError(f"{file} {error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise WorldError(
            f"{file}: line {line} is not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8, "
            "which spreadsheets call `CSV UTF-8`"
        ) from None


def read_rows(text: str, problems: Problems) -> list[StatedFact]:
    """The facts of a text, those that can be read."""
    found: list[StatedFact] = []
    first: dict[tuple[str, str, str], int] = {}
    for line, cells in _table(text, FACTS, problems):
        names = {column: _name(cells[column], column, line, problems) for column in cells}
        if None in names.values():
            continue
        fact = StatedFact(line, str(names["subject"]), str(names["relation"]), str(names["object"]), names.get("group"))
        if fact.names in first:
            problems.at(line, f"says again what line {first[fact.names]} says; remove one of them")
            continue
        first[fact.names] = line
        found.append(fact)
    return found


def read_places(text: str, problems: Problems) -> list[LayoutRow]:
    """The places of a text, those that can be read."""
    found: list[LayoutRow] = []
    first: dict[tuple[str, str | None], int] = {}
    for line, cells in _table(text, LAYOUT, problems):
        words = {
            column: _name(cells[column], column, line, problems)
            for column in ("entity", "branch", "group")
            if column in cells
        }
        axes = [_number(cells[axis], axis, line, problems) for axis in ("x", "y", "z") if axis in cells]
        color = _number(cells["color"], "color", line, problems) if "color" in cells else None
        if None in words.values() or None in axes or ("color" in cells and color is None):
            continue
        if color is not None and not 0 <= color <= 1:
            problems.at(line, f"color must lie in 0..1, got {color:g}")
            continue
        entity, group = str(words["entity"]), words.get("group")
        if (entity, group) in first:
            problems.at(line, f"{entity!r} has a place already, in line {first[entity, group]}; remove one of them")
            continue
        first[entity, group] = line
        coordinates = tuple(axis for axis in axes if axis is not None)
        found.append(LayoutRow(line, entity, coordinates, color, words.get("branch"), group))
    return found


def _table(
    text: str, columns: tuple[Sequence[str], Sequence[str]], problems: Problems
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, cell of each column) of every row below the header."""
    needed, optional = columns
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    line = 1
    try:
        for row in reader:
            line, here = reader.line_num + 1, line
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip().lower() for cell in row]
                if (wrong := _wrong_header(header, needed, optional)) is not None:
                    problems.at(here, wrong)
                    return
            elif len(row) != len(header):
                problems.at(
                    here, f'{_cells(len(row))} where the header has {len(header)}; quote a name with a comma: "a, b"'
                )
            else:
                yield here, dict(zip(header, row, strict=True))
    except csv.Error as error:
        problems.at(line, f"is not CSV ({error}); a quotation mark inside a quoted name is written twice")
    if header is None:
        problems.add(f"nothing is in it; the first line must be the header {','.join(needed)}")


def _wrong_header(header: list[str], needed: Sequence[str], optional: Sequence[str]) -> str | None:
    right = f"the header must be {','.join(needed)}, optionally with {', '.join(optional)}"
    if missing := [column for column in needed if column not in header]:
        other = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
        if other is not None:
            return f"the columns are separated by {other!r}; save the file with commas"
        return f"the column{'s' * (len(missing) > 1)} {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing; {right}"
    if unknown := [column for column in header if column not in {*needed, *optional}]:
        return f"unknown column {unknown[0]!r:.70}; {right}"
    if len(set(header)) < len(header):
        return f"a column stands there twice; {right}"
    return None


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"


def _name(cell: str, column: str, line: int, problems: Problems) -> str | None:
    """A name as it is kept; None where it cannot be one."""
    name = unicodedata.normalize("NFC", cell.replace("\xa0", " ").strip(" "))
    if not name:
        problems.at(line, f"the {column} is empty; fill it in or remove the line")
    elif not name.isprintable():
        sign = next(mark for mark in name if not mark.isprintable())
        problems.at(line, f"the {column} holds a control character (U+{ord(sign):04X}); remove it")
    elif name.startswith(FORMULA):
        problems.at(
            line,
            f"the {column} {name!r:.40} begins with {name[0]!r}: a spreadsheet would compute it; begin with another sign",
        )
    elif len(name) > MAX_NAME:
        problems.at(line, f"the {column} {name[:20]!r}... has {len(name)} characters; at most {MAX_NAME}")
    else:
        return name
    return None


def _number(cell: str, column: str, line: int, problems: Problems) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if math.isfinite(value) and abs(value) < 1e6:
        return value
    problems.at(line, f"{column} must be a number below a million, got {cell!r:.40}")
    return None


def warn_of_likeness(names: Sequence[str], problems: Problems) -> None:
    """Names that differ only in case or blanks are probably one."""
    alike: dict[str, str] = {}
    for name in names:
        key = "".join(unicodedata.normalize("NFKC", name).casefold().replace("_", " ").split())
        if key in alike:
            problems.warn(f"{alike[key]!r} and {name!r} differ only in case or blanks; are they one?")
        alike.setdefault(key, name)
