"""The page's markup. Behaviour is in `shatterscope.app.callbacks`, looks in `frontend_assets/style.css`."""

from shatterscope.app.layout.page import page

__all__ = ["page"]
