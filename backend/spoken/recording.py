"""A language model's answers to a fixed list of edits, in a small file: for who has not added the model, and for a lecture that must not wait.

A recording holds what the API answered, and the representations of the small groups as points that are exactly as far from each other as these: the unedited ones
span n dimensions (of n names), and what an edit adds spans n more. So pictures by any method are those of the representations.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from shatterscope.backend.files import UnreadableFile, read_file
from shatterscope.backend.lm.pretrained import LanguageModelError, first_problem
from shatterscope.backend.lm.store import LanguageModelCard
from shatterscope.backend.spoken.knowledge import Knowledge
from shatterscope.wire.base import Array
from shatterscope.wire.edits import EditResult
from shatterscope.wire.measures import EvaluationResult
from shatterscope.wire.world import FactInfo

FORMAT = 1
SHIPPED = Path(__file__).parent / "recordings"
MOST_BYTES = 16 * 1024 * 1024
SMALL_GROUPS = ("months", "weekdays")  # whose points are kept


class RecordedStack(BaseModel):
    """One stack of edits: what the API answered, `facts` of the edited relation by subject; and (n, 2 n) points of each relation that is kept."""

    model_config = ConfigDict(extra="forbid")

    result: EditResult
    evaluation: EvaluationResult
    facts: dict[int, FactInfo]
    points: dict[str, Array]


class RecordingProvenance(BaseModel):
    """Where the numbers come from. `identity` is that of the checkpoint: weights, knowledge, texts."""

    model_config = ConfigDict(extra="forbid")

    model: str
    identity: str
    version: str
    torch: str
    finished: str
    command: str


class Recording(BaseModel):
    """`points`: (n, n) of each relation before any edit; `facts` by relation and subject, `relation/subject`."""

    model_config = ConfigDict(extra="forbid")

    format: int
    provenance: RecordingProvenance
    card: LanguageModelCard
    knowledge: Knowledge
    unedited: EvaluationResult
    points: dict[str, Array]
    facts: dict[str, FactInfo]
    records: list[RecordedStack]

    @cached_property
    def by_id(self) -> Mapping[str, RecordedStack]:
        return {each.result.id: each for each in self.records}


def write_recording(path: Path, recording: Recording) -> None:
    """The same content gives the same bytes. Raises `OSError`."""
    content = json.dumps(rounded(recording.model_dump(mode="json")), separators=(",", ":"), sort_keys=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content.encode(), 9, mtime=0))


def read_recording(path: Path) -> Recording:
    """Raises `LanguageModelError`."""
    try:
        found = Recording.model_validate_json(gzip.decompress(read_file(path, MOST_BYTES)))
    except (FileNotFoundError, UnreadableFile, OSError, EOFError) as error:
        raise LanguageModelError(f"{path.name} cannot be read: {error}") from None
    except ValidationError as error:
        raise LanguageModelError(f"{path.name}: {first_problem(error)}") from None
    if found.format != FORMAT:
        raise LanguageModelError(f"{path.name} has format {found.format}, this version reads {FORMAT}")
    return found


def rounded(value: Any) -> Any:
    """Six digits of every number: more is noise of the machine that made them."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return value


def values(array: Array) -> NDArray[np.float32]:
    """The numbers of an `Array`, in its shape."""
    return np.frombuffer(base64.b64decode(array.bdata), dtype="<f4").reshape(array.shape)


def spanning(before: NDArray[np.float32]) -> NDArray[np.float64]:
    """(d, n), an orthonormal basis of the space that the (n, d) points span."""
    return np.asarray(np.linalg.qr(before.astype(np.float64).T)[0])


def unedited_points(before: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, n), as far from each other and from the origin as the (n, d) points."""
    return np.asarray(before.astype(np.float64) @ spanning(before))


def edited_points(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 2 n), as far from each other, from the origin and from `unedited_points` (with n zeros behind) as the (n, d) points `after`."""
    basis, x = spanning(before), after.astype(np.float64)
    inside = x @ basis
    left = np.asarray(np.linalg.qr((x - inside @ basis.T).T, mode="r")).T  # in a basis of its own
    return np.concatenate([inside, left], 1)
