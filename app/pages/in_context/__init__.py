"""The In context page: a model reads about a ring that it has never seen, and its representations become that ring."""

from __future__ import annotations

from shatterscope.app.kit.page import Page
from shatterscope.app.pages.in_context import callbacks, layout, names

PAGE = Page(
    path="/in-context",
    name="In context",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the picture", f"#{names.WORDS}"),
    on_checkpoint=False,
)
