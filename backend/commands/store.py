"""`shatterscope store`: what is kept, and a way past a database that is damaged."""

from __future__ import annotations

from typing import Annotated

import typer

from shatterscope.backend.commands.common import examples, fail
from shatterscope.backend.settings import PREFIX, load_settings

commands = typer.Typer()


@commands.command(epilog=examples("shatterscope store", "shatterscope store --move-aside"))
def store(
    move_aside: Annotated[
        bool, typer.Option("--move-aside", help="Keep the database under another name, and start a new one.")
    ] = False,
) -> None:
    """Say where the database is and whether it can be used: stored views, rooms, sweeps and edits are in it."""
    from shatterscope.backend.store import Store
    from shatterscope.backend.store import move_aside as keep

    settings = load_settings()
    if move_aside:
        if settings.database_url is not None:
            fail(f"{PREFIX}DATABASE_URL is set: that database is not a file to be moved; repair it with its own tools")
        if not settings.store_file.exists():
            fail(f"there is no database at {settings.store_file}; the next start makes one")
        try:
            kept = keep(settings.store_file)
        except OSError as error:
            fail(f"cannot rename {settings.store_file}: {error.strerror}")
        print(f"kept as {kept}")
    opened = Store(settings.store_url)
    opened.close()
    print(f"the database at {opened.where} can be used")
