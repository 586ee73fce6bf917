"""What the commands share: their options, and how they end when something is wrong."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from shatterscope.backend.settings import load_settings

if TYPE_CHECKING:
    from shatterscope.backend.api.laboratory import Laboratory

Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", show_default="auto")]


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  {line}" for line in lines)


def fail(message: str) -> NoReturn:
    """On stderr, one line as a rule; exit status 1."""
    print(f"shatterscope: {message}", file=sys.stderr)
    raise typer.Exit(1)


def command(*words: object) -> str:
    """A command of this program as a shell takes it."""
    return shlex.join(["shatterscope", *map(str, words)])


def options(**values: object) -> list[str]:
    """Options as words, those that are None or False left out; a list gives one each."""
    words: list[str] = []
    for name, value in values.items():
        option = f"--{name.rstrip('_').replace('_', '-')}"
        for each in value if isinstance(value, list) else [value]:
            words += [] if each is None or each is False else [option] if each is True else [option, str(each)]
    return words


def given(context: typer.Context, *names: str) -> list[str]:
    """Those of a command's options that were given, as they are written."""
    sources = {name: context.get_parameter_source(name) for name in names}
    found = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    return [f"--{name.replace('_', '-')}" for name in found]


def check_file(path: Path) -> None:
    """Fail now where a file could not be written later, when all is computed."""
    try:
        if path.is_dir():
            raise IsADirectoryError(21, "that is a folder; name a file in it")
        if not path.exists():
            path.touch()
            path.unlink()
        elif path.is_file():
            path.open("ab").close()
        elif not os.access(path, os.W_OK):  # a pipe or a terminal, which must not be opened twice
            raise PermissionError(13, "it cannot be written to")
    except (OSError, ValueError) as error:
        fail(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")


def check_folder(path: Path) -> None:
    """The same for files in a folder that is, or will be, there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:
        fail(f"cannot write to {path}: {getattr(error, 'strerror', None) or error}")


def laboratory_of(device: str | None = None) -> Laboratory:
    """A laboratory without a server."""
    from shatterscope.backend.api.laboratory import Laboratory

    return Laboratory(load_settings(device=device))
