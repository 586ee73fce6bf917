"""The page's markup. Behaviour is in `app.callbacks`, looks in `frontend_assets/style.css`."""

from app.layout.page import page

__all__ = ["page"]
