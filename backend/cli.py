"""The command line, `shatterscope`."""

from __future__ import annotations

import sys

import typer

from backend.commands import checkpoints, edits, exports, lessons, serve, sweeps
from backend.settings import SettingsError

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Change one fact inside a small transformer and watch the geometry of the others break.\n\n"
    "Settings are environment variables SHATTERSCOPE_*; SHATTERSCOPE_STATE_DIR holds all that is written at run time.",
)
for kind in (serve, checkpoints, edits, sweeps, exports):
    cli.add_typer(kind.commands)
cli.add_typer(lessons.commands, name="lesson")


def main() -> None:
    """Entry point: bad input of any kind ends in one line, not in a traceback."""
    from backend.store import StoreError

    try:
        cli()
    except (SettingsError, StoreError) as error:
        print(f"shatterscope: {error}", file=sys.stderr)
        sys.exit(1)
