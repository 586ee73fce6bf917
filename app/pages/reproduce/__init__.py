"""The Reproduce page: the paper's experiments, run again."""

from __future__ import annotations

from shatterscope.app.kit.page import Page
from shatterscope.app.pages.reproduce import callbacks, layout, names
from shatterscope.app.pages.reproduce.exported import REPRODUCE

PAGE = Page(
    path="/reproduce",
    name="Reproduce",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the tables", f"#{names.OPENING}"),
    stores=names.STORES,
    carries=("c",),
    exporter=REPRODUCE,
)
