"""What a page can be taken away as: each page describes its own files and citation by an `Exporter`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.links import Opened, pinned
from shatterscope.app.kit.state import ViewState

TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "safetensors": "application/octet-stream",
    "zip": "application/zip",
}

Make = Callable[[Client, str], Awaitable[bytes]]


@dataclass(frozen=True)
class Cited:
    """Beside the paper: what it takes to make the same again, as commands for the terminal and as JSON."""

    command: str
    spec: str


@dataclass(frozen=True)
class Exporter:
    """`formats`: a file's ending -> what makes it of a query; `stem`: its name without the ending. All raise `ApiError`."""

    path: str
    formats: Mapping[str, Make]
    stem: Callable[[str], str]
    cite: Callable[[Client, str], Awaitable[Cited]]

    @property
    def address(self) -> str:
        """Its files are at this address and their ending."""
        return f"{self.path.rstrip('/')}/export."

    def format_of(self, name: str) -> str:
        """That a file called `name` is to have: the longest ending that fits, else its last one."""
        fitting = [format for format in self.formats if name.endswith(f".{format}")]
        return max(fitting, key=len, default=name.rpartition(".")[2])

    async def make(self, client: Client, format: str, query: str) -> bytes:
        if format not in self.formats:
            raise ApiError(404, f"Of {self.path} there are exports as {', '.join(self.formats)}, not as {format}.")
        return await self.formats[format](client, query)


def media_type(format: str) -> str:
    """Of a file that ends so; `delta.safetensors` is a safetensors file."""
    return TYPES[format.rpartition(".")[2]]


def check_exact(opened: Opened, path: str, to_query: Callable[[ViewState], str]) -> None:
    """Raises `ApiError`, 409, with what is missing here and the nearest there is: a file never shows something else than its link.
    `to_query` writes the address of the page at `path`."""
    if opened.exact:
        return
    near = opened.nearest
    offer = f" Nearest: {path.removesuffix('/')}{pinned(to_query(near), opened.checkpoint)}" if near is not None else ""
    raise ApiError(409, " ".join(opened.missing) + offer)
