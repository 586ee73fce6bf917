"""The Compare page: one edit by several methods, side by side."""

from __future__ import annotations

from shatterscope.app.kit import ids
from shatterscope.app.kit.page import Page
from shatterscope.app.pages.compare import callbacks, layout
from shatterscope.app.pages.compare.exported import COMPARE

PAGE = Page(
    path="/compare",
    name="Compare",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the table", f"#{ids.COMPARE_TABLE}"),
    stores=(ids.COMPARE_PLAN, ids.COMPARE_ROWS, ids.CLICKS),
    carries=("c", "q", "t", "e", "scale"),
    exporter=COMPARE,
    named=True,
)
