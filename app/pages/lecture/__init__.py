"""The Lecture page: which lessons are here, for whom, and how long they take. A lecture itself is told over the Explore page."""

from __future__ import annotations

from shatterscope.app.kit import ids
from shatterscope.app.kit.page import Page
from shatterscope.app.pages.lecture import callbacks, layout

PAGE = Page(
    path="/lecture",
    name="Lecture",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the lessons", f"#{ids.LESSONS}"),
    draws=False,
    named=True,
)
