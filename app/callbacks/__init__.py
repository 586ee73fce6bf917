"""Callbacks: parse the state, ask the client, hand arrays to a pure function. No logic of their own.

`intent` turns what the person did into parts of the state; the others each watch the parts they need, so that the scenes, the
answers and the numbers arrive independently.
"""

from __future__ import annotations

from dash import Dash

from app.callbacks import answers, intent, measures, scenes, stack, tool
from app.client import Client


def register(app: Dash, client: Client) -> None:
    for module in (intent, answers, tool, stack, scenes, measures):
        module.register(app, client)
