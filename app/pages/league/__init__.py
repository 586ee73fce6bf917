"""The League page: every method beside every other, at equal efficacy."""

from __future__ import annotations

from shatterscope.app.kit.page import Page
from shatterscope.app.pages.league import callbacks, layout, names

PAGE = Page(
    path="/league",
    name="League",
    layout=layout.layout,
    register=callbacks.register,
    skip=("Skip to the table", f"#{names.TABLE}"),
    stores=(names.SEEN,),
    carries=("c",),
)
