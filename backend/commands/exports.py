"""`shatterscope export`: a view as a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from shatterscope.backend.commands.common import Device, check_file, examples, fail
from shatterscope.backend.settings import load_settings

commands = typer.Typer()


@commands.command(
    epilog=examples(
        "shatterscope export '?c=rings-2048&e=17~I_C2~d500~rome~0~tuned~1' shattered.html",
        "shatterscope export 'http://127.0.0.1:8050/v/bjn97vej' shattered.json",
        "shatterscope export '/compare?c=rings-2048&q=17~I_C2&by=rome:tuned&by=memit:tuned' comparison.html",
        "shatterscope export '/reproduce?c=rings-2048' reproduction.html",
    )
)
def export(
    view: Annotated[
        str,
        typer.Argument(metavar="VIEW_URL", help="A link to Explore, Compare or Reproduce; a query alone is Explore's."),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="FILE.html, .json or .csv; of Explore .safetensors (the edited weights) or .delta.safetensors (their change), "
            "of Compare .zip or .delta.zip (the same of every variant).",
        ),
    ],
    device: Device = None,
) -> None:
    """Write a view as one HTML file that opens without a network, or its numbers, or its edited weights. No server is needed."""
    from shatterscope.app.kit.client import ApiError
    from shatterscope.app.kit.exporter import TYPES

    if file.suffix.lstrip(".") not in TYPES:
        fail(f"{file}: name a file that ends in {', '.join('.' + name for name in TYPES)}")
    check_file(file)
    try:
        file.write_bytes(asyncio.run(_export(view, file.name, device)))
    except ApiError as error:
        fail(error.message)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    print(f"written to {file} ({file.stat().st_size / 1e6:.2f} MB)")


async def _export(view: str, name: str, device: str | None) -> bytes:
    from shatterscope.app.kit.client import Client
    from shatterscope.app.kit.share.routes import find
    from shatterscope.app.main import EXPORTERS
    from shatterscope.backend.api import create_app

    settings = load_settings(device=device)
    server = create_app(settings)
    try:
        client = Client(server=server).reached_at(settings.address)
        exporter, query = await find(client, view, EXPORTERS)
        return await exporter.make(client, exporter.format_of(name), query)
    finally:
        server.state.laboratory.close()
