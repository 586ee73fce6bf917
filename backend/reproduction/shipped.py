"""A run that ships with its checkpoint, in the checkpoint's folder:

    reproduction/single.jsonl.gz     rows of single edits, a JSON object a line
    reproduction/sequence.jsonl.gz   rows of sequences (optional)
    reproduction/reproduction.json   what was asked for, when and on what it ran, hashes of the checkpoint and of the rows
    reproduction/findings.md         why our numbers differ from the paper's, written by hand (optional)

Numbers are kept to six significant digits, and single scores, courses and R to four, all that can matter of means over hundreds of edits;
parameters of edits are kept whole, so that their ids stay theirs. R of each relation, which no table shows, is left out: a run again has it. A row
is then half as large. The same rows make the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shlex
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shatterscope.backend.files import UnreadableFile, read_file, read_json
from shatterscope.backend.reproduction.report import Run, report
from shatterscope.wire.reproduction import Report, Reproduction
from shatterscope.wire.sweeps import SweepRequest, Versions

FOLDER, MANIFEST, FINDINGS = "reproduction", "reproduction.json", "findings.md"
FORMAT = 1
DIGITS, FEW, ROUGH = 6, 4, 2
MAX_TEXT_BYTES, MAX_ROWS_BYTES = 1024 * 1024, 256 * 1024 * 1024

Part = Literal["single", "sequence"]
PARTS: tuple[Part, ...] = ("single", "sequence")


class ShippedError(Exception):
    """A shipped run that cannot be used; the message says what is wrong and what to do."""


class NothingShipped(ShippedError):
    """This checkpoint has no run, or none of sequences."""


class PartManifest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sweep: str
    request: SweepRequest
    rows: int
    total: int
    sha256: str  # of the compressed file
    started: str | None
    finished: str | None
    device: str | None
    versions: Versions | None


class Manifest(BaseModel):
    """The contents of `reproduction.json`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    checkpoint: str
    checkpoint_sha256: str
    single: PartManifest
    sequence: PartManifest | None


@dataclass(frozen=True)
class Shipped:
    """A verified run."""

    folder: Path
    manifest: Manifest

    def rows(self, part: Part) -> Iterator[str]:
        """The rows of a part, JSON each. Raises `NothingShipped` where there is no such part, `ShippedError` where they cannot be read."""
        self._part(part)
        file = _rows_file(self.folder, part)
        try:
            with gzip.open(io.BytesIO(read_file(file, MAX_ROWS_BYTES)), "rt", encoding="utf-8") as lines:
                for line in lines:
                    yield line.rstrip("\n")
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise ShippedError(f"{_shown(file)} cannot be read: {error}") from None

    def report(self, part: Part) -> Report:
        """Raises `ShippedError`."""
        found = self._part(part)
        run = Run(found.sweep, self.manifest.checkpoint_sha256, found.request, found.total)
        try:
            return report(self.rows(part), run)
        except (ValueError, LookupError, TypeError) as error:
            raise ShippedError(
                f"{_shown(_rows_file(self.folder, part))} holds other rows than this version reads: {error}"
            ) from None

    def reproduction(self) -> Reproduction:
        """Everything the page opens with. Raises `ShippedError`."""
        parts = [part for part in PARTS if getattr(self.manifest, part) is not None]
        return Reproduction(
            single=self.report("single"),
            sequence=self.report("sequence") if "sequence" in parts else None,
            requests=[self._part(part).request for part in parts],
            findings=self.findings(),
        )

    def check_part(self, part: Part) -> None:
        """Raises `NothingShipped`."""
        self._part(part)

    def _part(self, part: Part) -> PartManifest:
        found: PartManifest | None = getattr(self.manifest, part)
        if found is None:
            raise NothingShipped(
                f"the run shipped with {self.manifest.checkpoint!r} has no sequences; "
                f"make one with: {shlex.join(['shatterscope', 'reproduce', self.manifest.checkpoint, '--ship'])}"
            )
        return found

    def findings(self) -> str:
        """Markdown; empty where there are none. Raises `ShippedError`."""
        return read_findings(self.folder.parent)


def read_findings(checkpoint_folder: Path) -> str:
    """What was written by hand beside a run. Raises `ShippedError` for a file that cannot be read."""
    path = checkpoint_folder / FOLDER / FINDINGS
    try:
        return read_file(path, MAX_TEXT_BYTES).decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise ShippedError(f"{_shown(path)} is not UTF-8: {error}") from None
    except UnreadableFile as error:
        raise ShippedError(f"{_shown(path)} {error}") from None


def load(checkpoint_folder: Path, checkpoint_sha256: str) -> Shipped:
    """The run in a checkpoint's folder, verified.

    Raises:
        NothingShipped: there is none.
        ShippedError: it is damaged, or was made with other weights.
    """
    folder, name = checkpoint_folder / FOLDER, checkpoint_folder.name
    again = f"make it again with: {shlex.join(['shatterscope', 'reproduce', name, '--ship'])}"
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate(read_json(read_file(path, MAX_TEXT_BYTES)))
    except FileNotFoundError:
        raise NothingShipped(
            f"no run of the reproduction ships with checkpoint {name!r}; {again.replace('it again', 'one')}"
        ) from None
    except UnreadableFile as error:
        raise ShippedError(f"{_shown(path)} {error}; {again}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "contents"
        raise ShippedError(f"{_shown(path)} is damaged ({where}: {first['msg']}); {again}") from None
    if manifest.format != FORMAT:
        raise ShippedError(f"{_shown(path)} has format {manifest.format}, this version reads {FORMAT}; {again}")
    if manifest.checkpoint_sha256 != checkpoint_sha256:
        raise ShippedError(
            f"the run in {name}/{FOLDER} was made with other weights than those of {name!r} now (their sha256 differ); {again}"
        )
    for part in PARTS:
        found: PartManifest | None = getattr(manifest, part)
        if found is None:
            continue
        file = _rows_file(folder, part)
        try:
            digest = hashlib.sha256(read_file(file, MAX_ROWS_BYTES)).hexdigest()
        except FileNotFoundError:
            raise ShippedError(f"{_shown(file)} is missing; {again}") from None
        except UnreadableFile as error:
            raise ShippedError(f"{_shown(file)} {error}; {again}") from None
        if digest != found.sha256:
            raise ShippedError(
                f"{_shown(file)} is not the file that {MANIFEST} describes (its sha256 differs); {again}"
            )
    return Shipped(folder, manifest)


def ship(
    checkpoint_folder: Path,
    single: tuple[Run, Iterable[str]],
    sequence: tuple[Run, Iterable[str]] | None = None,
) -> Path:
    """Write a run, each part the rows (JSON) of a sweep; returns its folder. `findings.md` stays as it is.

    Raises:
        ValueError: rows of another checkpoint, or not all of them.
        OSError: the folder cannot be written.
    """
    folder = checkpoint_folder / FOLDER
    folder.mkdir(exist_ok=True)
    parts: dict[Part, PartManifest | None] = {"single": None, "sequence": None}
    given: dict[Part, tuple[Run, Iterable[str]] | None] = {"single": single, "sequence": sequence}
    written: list[Path] = []
    for part, found in given.items():
        if found is not None:
            run, rows = found
            parts[part] = _write_part(_part_file := _temporary(_rows_file(folder, part)), run, rows)
            written.append(_part_file)
    assert parts["single"] is not None
    manifest = Manifest(
        format=FORMAT,
        checkpoint=checkpoint_folder.name,
        checkpoint_sha256=single[0].checkpoint_sha256,
        single=parts["single"],
        sequence=parts["sequence"],
    )
    for temporary in written:
        os.replace(temporary, temporary.with_suffix(""))
    if sequence is None:
        _rows_file(folder, "sequence").unlink(missing_ok=True)
    temporary = _temporary(folder / MANIFEST)  # vouches for the rest, so it goes last
    temporary.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / MANIFEST)
    return folder


def _write_part(file: Path, run: Run, rows: Iterable[str]) -> PartManifest:
    lines: list[str] = []
    finished: list[str] = []
    device: str | None = None
    versions: dict[str, Any] | None = None
    for text in rows:
        row = json.loads(text)
        if row["checkpoint_sha256"] != run.checkpoint_sha256:
            raise ValueError(f"row {row['index']} of sweep {run.sweep!r} is of other weights")
        finished.append(row["finished"])
        device, versions = row["device"], row["versions"]
        lines.append(json.dumps(kept(row), separators=(",", ":")))
    if len(lines) != run.total:
        raise ValueError(f"sweep {run.sweep!r} has {len(lines)} of its {run.total} rows; let it finish first")
    data = gzip.compress("".join(line + "\n" for line in lines).encode(), 9, mtime=0)
    file.write_bytes(data)
    return PartManifest(
        sweep=run.sweep,
        request=run.request,
        rows=len(lines),
        total=run.total,
        sha256=hashlib.sha256(data).hexdigest(),
        started=min(finished, default=None),
        finished=max(finished, default=None),
        device=device,
        versions=None if versions is None else Versions.model_validate(versions),
    )


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """What is shipped of a row (JSON)."""
    few = {
        name: shortened(row.get(name), FEW)
        for name in ("shattering", "sites", "scores", "quality", "edit_seconds", "measure_seconds")
    }
    if few["shattering"]:
        few["shattering"]["per_relation"] = {}
    outcomes = [
        {**outcome, **{name: shortened(outcome.get(name), FEW) for name in ("course", "diagnostics")}}
        for outcome in row["outcomes"]
    ]
    found: dict[str, Any] = shortened({**row, **few, "outcomes": outcomes})
    return found


def shortened(value: Any, digits: int = DIGITS) -> Any:
    """The same JSON value with floats of so many significant digits, but for the `parameters` of edits, and two for standard errors."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {
            name: each if name == "parameters" else shortened(each, ROUGH if name == "standard_error" else digits)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [shortened(each, digits) for each in value]
    return value


def _rows_file(folder: Path, part: Part) -> Path:
    return folder / f"{part}.jsonl.gz"


def _shown(path: Path) -> str:
    """The path from the models folder on: where that is, whoever asks over the network need not know."""
    return f"{path.parent.parent.name}/{FOLDER}/{path.name}"


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".part")
