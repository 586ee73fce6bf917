"""The Explore page: ask a question, change a fact, see what breaks."""

from __future__ import annotations

from fastapi import FastAPI

from shatterscope.app.kit.client import Client
from shatterscope.app.kit.page import Page
from shatterscope.app.pages.explore import callbacks, layout, strengths
from shatterscope.app.pages.explore.exported import EXPLORE
from shatterscope.app.pages.explore.lecture import prepare


def add_routes(server: FastAPI, client: Client) -> None:
    prepare.add_preparation(server, client)
    strengths.add_pictures(server, client)


PAGE = Page(
    path="/",
    name="Explore",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the numbers", "#accuracy"),
    stores=layout.STORES,
    carries=("c", "q", "t", "e", "scale"),
    exporter=EXPLORE,
    shared=callbacks.SHARED,
    add_routes=add_routes,
    named=True,
)
