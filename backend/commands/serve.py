"""`shatterscope serve`: the API and the dashboard."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shatterscope.backend.commands.common import Device, examples, fail
from shatterscope.backend.settings import load_settings

if TYPE_CHECKING:
    from fastapi import FastAPI

commands = typer.Typer()


def build_server() -> FastAPI:
    """API and dashboard, from the environment (also uvicorn's factory under --reload)."""
    from shatterscope.app.main import create_app as attach_dashboard
    from shatterscope.backend.api import create_app

    settings = load_settings()
    server = create_app(settings)
    attach_dashboard(server, base_url=settings.api_url, public_url=settings.public_url)
    return server


@commands.command(
    epilog=examples(
        "shatterscope serve", "shatterscope serve --port 8060", "shatterscope serve --host 0.0.0.0 --device cuda"
    )
)
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for everyone.", show_default="127.0.0.1")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8050")] = None,
    device: Device = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart when a source file changes (for development).")
    ] = False,
) -> None:
    """Start the dashboard and the API."""
    import uvicorn

    from shatterscope.backend.api import connections

    settings = load_settings(host=host, port=port, device=device)
    os.environ["SHATTERSCOPE_DEVICE"] = settings.device  # build_server reads the environment, in a child under --reload
    listener = _listen(settings.host, settings.port)
    address = settings.address
    options: dict[str, Any] = {"log_level": "warning", "timeout_graceful_shutdown": 2}
    options |= connections.options(connections.raise_descriptors())
    if reload:
        listener.close()
        options["http"] = connections.Connection  # handed to another process, by its name
        print(f"Shatterscope (reloading) on {address}", flush=True)
        folders = [str(Path(__file__).parents[2] / name) for name in ("app", "backend", "wire")]
        uvicorn.run(
            "shatterscope.backend.commands.serve:build_server",
            factory=True,
            host=settings.host,
            port=settings.port,
            reload=True,
            reload_dirs=folders,
            **options,
        )
        return

    app = build_server()

    class AnnouncedServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            connections.keep_the_log_short()
            print(f"Shatterscope is ready: {address}   (API: {address}/api/v1/docs, stop with Ctrl+C)", flush=True)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.state.rooms.close()  # else their streams would hold the server open
            app.state.jobs.close_streams()
            await super().shutdown(sockets)

    AnnouncedServer(uvicorn.Config(app, **options)).run([listener])


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, bound before anything slow is loaded."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
    except socket.gaierror:
        fail(f"--host {host!r} is no address of this machine; use 127.0.0.1 or 0.0.0.0")
    except PermissionError:
        fail(f"port {port} needs more rights; choose one from 1024 up: shatterscope serve --port 8050")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail(
                f"port {port} is taken by another program; choose another: shatterscope serve --port {port % 65535 + 1}"
            )
        fail(f"cannot listen on {host}:{port}: {error.strerror}")
    return listener
