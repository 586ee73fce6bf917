"""The Gallery page: views that people of this server have saved with a title."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from shatterscope.app.kit.page import Page
from shatterscope.app.pages.gallery import callbacks, layout


def page_of(saved: Iterable[Page]) -> Page:
    """The gallery of views of the pages `saved`."""
    names = {page.path: page.name for page in saved}
    return Page(
        path="/gallery",
        name="Gallery",
        layout=partial(layout.layout, tuple(names.values())),
        register=partial(callbacks.register, names=names),
        skip=("Skip to the views", "#gallery"),
        draws=False,
        on_checkpoint=False,
        listed=False,
    )
