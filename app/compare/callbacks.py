"""The Compare page's callbacks."""

from __future__ import annotations

from dash import Dash

from app.client import Client


def register(app: Dash, client: Client) -> None:
    """Gives the page its callbacks."""
