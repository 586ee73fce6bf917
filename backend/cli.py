"""The command line, `shatterscope`."""

from __future__ import annotations

import io
import os
import sys

import typer

from shatterscope.backend.commands import (
    checkpoints,
    editors,
    edits,
    exports,
    in_context,
    league,
    lessons,
    models,
    oracle,
    predictions,
    serve,
    store,
    sweeps,
    worlds,
)
from shatterscope.backend.settings import SettingsError

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Change one fact inside a small transformer and watch the geometry of the others break.\n\n"
    "Settings are environment variables SHATTERSCOPE_*; SHATTERSCOPE_STATE_DIR holds all that is written at run time.",
)
for kind in (serve, checkpoints, in_context, edits, oracle, predictions, sweeps, league, exports, store):
    cli.add_typer(kind.commands)
cli.add_typer(lessons.commands, name="lesson")
cli.add_typer(worlds.commands, name="world")
cli.add_typer(editors.commands, name="editor")
cli.add_typer(models.commands, name="models")


def main() -> None:
    """Entry point: bad input and a hostile environment end in one line, not in a traceback."""
    from shatterscope.backend.store import StoreError

    _usable_streams()
    status: str | int | None = 1
    try:
        cli()
    except SystemExit as end:
        status = end.code
    except (SettingsError, StoreError) as error:
        print(f"shatterscope: {error}", file=sys.stderr)
    except BrokenPipeError:  # whoever read what is printed has had enough
        pass
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"shatterscope: {where}{error.strerror or error}", file=sys.stderr)
    sys.exit(_flushed(status))


def _usable_streams() -> None:
    """Closed streams become nothing, and what a terminal cannot show is spelled out."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115 - to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(status: str | int | None) -> str | int | None:
    """The exit status once everything printed has arrived, or could not (a full disk, a closed pipe)."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            print(f"shatterscope: what was printed could not be written: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else it is tried again, with a traceback
        return status or 1
    return status
