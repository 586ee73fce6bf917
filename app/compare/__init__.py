"""The Compare page: one edit by several methods, side by side."""

from app.compare.callbacks import register
from app.compare.layout import layout

__all__ = ["layout", "register"]
