"""What the commands share: their options, and how they end when something is wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from backend.settings import load_settings

if TYPE_CHECKING:
    from backend.api.laboratory import Laboratory

Device = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.", show_default="auto")]


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  {line}" for line in lines)


def fail(message: str) -> NoReturn:
    """One line on stderr, exit status 1."""
    print(f"shatterscope: {message}", file=sys.stderr)
    raise typer.Exit(1)


def laboratory_of(device: str | None = None) -> Laboratory:
    """A laboratory without a server."""
    from backend.api.laboratory import Laboratory

    return Laboratory(load_settings(device=device))
