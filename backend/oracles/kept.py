"""What training came to, kept in files: seconds of training make a few megabytes that the next who asks need not wait for.

A file is written whole or not at all, under the key of all it depends on. Those that nobody has asked for the longest go first.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open

from shatterscope.backend.checkpoints import Checkpoint
from shatterscope.backend.editors import EditDelta
from shatterscope.backend.edits import CompleteSpec, delta_key
from shatterscope.backend.tensor_files import tensor_bytes

MAX_BYTES = 512 * 1024 * 1024  # some 300 models of the size that ships
ENDING = ".safetensors"
TRAINING_SECONDS = "training_seconds"  # among the diagnostics of what was trained

log = logging.getLogger(__name__)


def training_key(checkpoint: Checkpoint, spec: CompleteSpec) -> str:
    """Of all that training depends on. A control is never told the new object: without what that implies, one serves every new object of a question."""
    if not spec.parameters["fact"] and not spec.implied:
        spec = replace(spec, object=checkpoint.world.object_of(spec.subject, checkpoint.world.relation(spec.relation)))
    return delta_key(checkpoint.identity, [replace(spec, strength=1.0)])


class KeptTrainings:
    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    def path(self, key: str) -> Path:
        return self.folder / f"{key}{ENDING}"

    def there(self, keys: Sequence[str]) -> bool:
        return all(self.path(key).is_file() for key in keys)

    def get(self, key: str) -> EditDelta | None:
        """None where there is none. A file that cannot be read is removed."""
        path = self.path(key)
        try:
            with safe_open(path, "pt") as file:
                said = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
            os.utime(path)
            told = {TRAINING_SECONDS: float(said["seconds"])}
            return EditDelta(weights, int(said["steps"]), float(said["loss"]), diagnostics=told)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            log.warning("%s cannot be read and is removed: %s", path, error)
            path.unlink(missing_ok=True)
            return None

    def discard(self, key: str, pid: int) -> None:
        """What a process that was ended had begun to write."""
        partial(self.path(key), pid).unlink(missing_ok=True)

    def make_room(self) -> None:
        """Remove the files that were not asked for the longest, until the others are within the bound."""
        held = 0
        for path in sorted(self.folder.glob(f"*{ENDING}"), key=lambda path: -path.stat().st_mtime):
            held += path.stat().st_size
            if held > self.max_bytes:
                path.unlink(missing_ok=True)


def partial(path: Path, pid: int) -> Path:
    """Where a process writes what will be at `path`."""
    return path.with_suffix(f".{pid}")


def write(path: Path, delta: EditDelta, seconds: float) -> None:
    """All of the file, or nothing; `seconds`: how long training took. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = partial(path, os.getpid())
    try:
        said = {"steps": str(delta.steps), "loss": repr(delta.loss), "seconds": f"{seconds:.2f}"}
        written.write_bytes(tensor_bytes(delta.weights, said))
        os.replace(written, path)
    finally:
        written.unlink(missing_ok=True)
