"""What a run keeps: a file of JSON, an object a line. The first line says what was asked of which checkpoint; a row follows for every edit and for every stage of a
stack. It is the same file while it is written, beside the checkpoint (compressed), and in memory."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError

from shatterscope.backend.files import UnreadableFile, read_file
from shatterscope.wire.base import SubGraph
from shatterscope.wire.league import SetName

Number = Annotated[float, PlainSerializer(lambda value: float(f"{value:.6g}"), return_type=float, when_used="json")]
"""Kept to six digits, which is far more than is known, in half the bytes."""

FORMAT = 1
FOLDER = "league"
MAX_BYTES = 256 * 1024 * 1024


class LeagueError(Exception):
    """A league that cannot be run or read; the message says what is wrong and what to do."""


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(Record):
    """What all rows have in common. `checkpoint_identity` is `Checkpoint.identity`; `contexts` and `queries` are those of recall; `taken_behind` is
    `measure.TAKEN_BEHIND`."""

    format: int = FORMAT
    checkpoint: str
    checkpoint_identity: str
    set: SetName
    seeds: dict[str, int]
    distances: list[int]
    contexts: int
    queries: int
    taken_behind: float


class Figures(Record):
    """An edit at one strength. `R` by sub-graph; `recall` is the change of direct recall, as a fraction, the mean over the groups; None is what is undefined or was
    not asked."""

    success: bool
    generality: Number | None = None
    portability: Number | None = None
    locality: Number | None = None
    R: dict[SubGraph, Number | None]
    recall: Number | None = None
    whole: bool | None = (
        None  # whether the picture of its relation still has the world's shape; None where it had not before
    )


class MeasuredEdit(Record):
    """One edit, alone on the unedited model. `problem`: why it could not be made, and then nothing else is known. `strength` is the smallest at which it takes."""

    kind: Literal["edit"] = "edit"
    edit: str
    method: str
    preset: str
    distance: int
    place: int
    subject: int
    relation: str
    problem: str | None = None
    seconds: Number | None = None
    strength: Number | None = None
    full: Figures | None = None
    equal: Figures | None = None
    version: str
    finished: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.method, self.preset, "edit", str(self.distance), str(self.place))


class MeasuredStack(Record):
    """A stack after its first `after` edits. `stopped`: why it did not get there, and then nothing else is known; `seconds` and `limit` are of the edits."""

    kind: Literal["stack"] = "stack"
    edit: str
    method: str
    preset: str
    after: int
    failed: int = 0
    kept: Number | None = None
    recall: Number | None = None
    R: Number | None = None
    seconds: Number
    limit: float
    stopped: str | None = None
    version: str
    finished: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.method, self.preset, "stack", str(self.after))


Row = Annotated[MeasuredEdit | MeasuredStack, Field(discriminator="kind")]
_ROW: TypeAdapter[MeasuredEdit | MeasuredStack] = TypeAdapter(Row)


@dataclass(frozen=True)
class Rows:
    """`rows` by key: of two with one key the later."""

    header: Header
    rows: dict[tuple[str, ...], MeasuredEdit | MeasuredStack]

    @property
    def edits(self) -> list[MeasuredEdit]:
        return [row for row in self.rows.values() if isinstance(row, MeasuredEdit)]

    @property
    def stacks(self) -> list[MeasuredStack]:
        return [row for row in self.rows.values() if isinstance(row, MeasuredStack)]


def read_rows(path: Path) -> Rows | None:
    """The rows of a file (`.gz`: compressed), but for a last line that was cut off as it was written; None where there is no file.

    Raises:
        LeagueError: it cannot be read, or is of another version.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        content = read_file(path, MAX_BYTES)
        if path.suffix == ".gz":
            with gzip.open(io.BytesIO(content)) as file:
                content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except (UnreadableFile, OSError, EOFError, zlib.error) as error:
        raise LeagueError(f"{shown} cannot be read: {error}") from None
    first, *lines = content[: content.rfind(b"\n") + 1].splitlines() or [b""]
    try:
        header = Header.model_validate_json(first)
        rows = [_ROW.validate_json(line) for line in lines]
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "contents"
        raise LeagueError(f"{shown} is damaged or of another version ({where}: {problem['msg']})") from None
    if header.format != FORMAT:
        raise LeagueError(f"{shown} has format {header.format}, this version reads {FORMAT}")
    return Rows(header, {row.key: row for row in rows})


def shipped_file(checkpoint_folder: Path, name: SetName) -> Path:
    """Where the rows of a set are beside the checkpoint."""
    return checkpoint_folder / FOLDER / f"{name}.jsonl.gz"


def as_lines(rows: Rows) -> str:
    """The file, one row for every key."""
    return "".join(each.model_dump_json(exclude_none=True) + "\n" for each in (rows.header, *rows.rows.values()))


def write(path: Path, rows: Rows) -> None:
    """The whole file in one step, compressed where it is called `.gz`; the same rows make the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = as_lines(rows).encode()
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(gzip.compress(content, 9, mtime=0) if path.suffix == ".gz" else content)
    os.replace(temporary, path)
