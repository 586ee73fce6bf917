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
OFFLINE = "One file that opens without a network"
BESIDE = "Of GRACE and Patch, which change no weight: the codebook, and the neurons added."


@dataclass(frozen=True)
class File:
    """One kind of file. `make` computes it from the query of a view; `name`, `ident` and `hint` are those of its button in Share."""

    make: Callable[[Client, str], Awaitable[bytes]]
    name: str
    ident: str
    hint: str


@dataclass(frozen=True)
class Cited:
    """Beside the paper: what it takes to make the same again, as commands for the terminal and as JSON."""

    command: str
    spec: str


@dataclass(frozen=True)
class Exporter:
    """`files`: by their endings; `stem`: their name without it, of a query; `again`: what the citation's command does. All raise `ApiError`.

    In Share, `figures` are ids and names of those that are offered as pictures (none: the cards that are there when it opens), `note` stands below.
    """

    path: str
    files: Mapping[str, File]
    stem: Callable[[str], str]
    cite: Callable[[Client, str], Awaitable[Cited]]
    again: str
    note: str = ""
    figures: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """Its files are at this address and their ending."""
        return f"{self.path.rstrip('/')}/export."

    def format_of(self, name: str) -> str:
        """That a file called `name` is to have: the longest ending that fits, else its last one."""
        fitting = [format for format in self.files if name.endswith(f".{format}")]
        return max(fitting, key=len, default=name.rpartition(".")[2])

    async def make(self, client: Client, format: str, query: str) -> bytes:
        if format not in self.files:
            raise ApiError(404, f"Of {self.path} there are exports as {', '.join(self.files)}, not as {format}.")
        return await self.files[format].make(client, query)


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
