"""Callbacks of the page: parse the state, ask the client, hand the answer to a pure function."""

from __future__ import annotations

from dash import Dash

from shatterscope.app.kit.client import Client
from shatterscope.app.pages.reproduce.callbacks import intent, looks, report, run


def register(app: Dash, client: Client) -> None:
    """Gives the page its callbacks; the checkpoint and what the page remembers go through `url-in` and `url-out`."""
    for module in (intent, run, report, looks):
        module.register(app, client)
