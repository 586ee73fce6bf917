"""The Gallery page's callback: what has been saved, and word of a short link that leads nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from dash import Dash, Input, Output
from dash.exceptions import PreventUpdate

from shatterscope.app.kit import ids
from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.pages.gallery.layout import CARDS, cards


def register(app: Dash, client: Client, names: Mapping[str, str]) -> None:
    """`names`: of the pages that views may be of, by their paths."""

    @app.callback(
        Output(CARDS, "children"),
        Output(ids.NOTICE, "children"),
        Output(ids.PROBLEM_PAGE, "children"),
        Input(ids.URL_IN, "data"),
        prevent_initial_call=True,
    )
    async def show(url: dict[str, Any] | None) -> Any:
        if url is None:
            raise PreventUpdate
        missing = parse_qs(str(url.get("query") or "").lstrip("?")).get("missing", [""])[0][:40]
        notice = f"There is no view {missing!r} on this server. It may have been deleted, or the link is not complete."
        try:
            found = await client.gallery()
        except ApiError as error:
            return [], "", error.message
        return cards(found, names), notice if missing else "", ""
