"""`shatterscope export`: a view as a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from backend.commands.common import Device, examples, fail
from backend.settings import load_settings

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope export '?c=rings-2048&e=17~I_C2~d500~rome~0~tuned~1' shattered.html",
        "shatterscope export 'http://127.0.0.1:8050/v/bjn97vej' shattered.json",
    )
)
def export(
    view: Annotated[str, typer.Argument(metavar="VIEW_URL", help="A link to the Explore page, or its query alone.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="FILE.html, .json, .csv or .safetensors.")],
    device: Device = None,
) -> None:
    """Write a view as one HTML file that opens without a network, or its numbers, or its weight change. No server is needed."""
    from app.client import ApiError
    from app.share.routes import TYPES

    format = file.suffix.lstrip(".").lower()
    if format not in TYPES:
        fail(f"{file}: name a file that ends in {', '.join('.' + name for name in TYPES)}")
    try:
        file.write_bytes(asyncio.run(_export(view, format, device)))
    except ApiError as error:
        fail(error.message)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    print(f"written to {file} ({file.stat().st_size / 1e6:.2f} MB)")


async def _export(view: str, format: str, device: str | None) -> bytes:
    from app.client import Client
    from app.share.routes import make, query_of
    from backend.api import create_app

    server = create_app(load_settings(device=device))
    try:
        client = Client(server=server)
        return await make(client, format, await query_of(client, view))
    finally:
        server.state.laboratory.close()
