"""What a page says of itself. Whatever every page has (header, Share, its files, its place in the links) follows from this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dash import Dash
from fastapi import FastAPI

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.exporter import Exporter
from shatterscope.app.kit.parts import Node


def no_routes(server: FastAPI, client: Client) -> None:
    """Of a page that has no addresses but its own."""


@dataclass(frozen=True)
class Page:
    """`path`: `/` or `/name`. `layout` makes the markup below the header, `register` gives it its callbacks. For the frame:

    skip: label and target of the link past the header
    stores: further stores
    carries: the keys of its address that a link to another page takes along, where that carries them too
    exporter: what it can be taken away as; with one, its views can be saved in the gallery
    shared: the callbacks that are pure functions of what the page sends, by their first output (`shatterscope.app.kit.serving.pure`)
    add_routes: addresses on the server that are no callbacks
    draws: it has figures
    on_checkpoint: it is about one checkpoint, which the header lets choose
    listed: the header links to it
    named: the frame gives it a heading (unseen), because it has none of its own
    """

    path: str
    name: str
    layout: Callable[[], Sequence[Node]]
    register: Callable[[Dash, Client], None]
    skip: tuple[str, str]
    stores: tuple[str, ...] = ()
    carries: tuple[str, ...] = ()
    exporter: Exporter | None = None
    shared: tuple[str, ...] = ()
    add_routes: Callable[[FastAPI, Client], None] = no_routes
    draws: bool = True
    on_checkpoint: bool = True
    listed: bool = True
    named: bool = False

    @property
    def prefix(self) -> str:
        return f"{self.path.rstrip('/')}/"

    @property
    def file(self) -> str:
        """Name of its script and styles in `frontend_assets/pages`, where it has its own."""
        return self.path.strip("/").replace("-", "_") or "explore"

    @property
    def title(self) -> str:
        """Of the browser's tab."""
        return "Shatterscope" if self.path == "/" else f"{self.name} · Shatterscope"
