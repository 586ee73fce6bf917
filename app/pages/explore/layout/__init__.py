"""The page's markup. Behaviour is in `shatterscope.app.pages.explore.callbacks`, looks in `frontend_assets/style.css`."""

from shatterscope.app.pages.explore.layout.page import STORES, layout

__all__ = ["STORES", "layout"]
