"""The Compare page: one edit by several methods, side by side."""

from shatterscope.app.pages.compare.callbacks import register
from shatterscope.app.pages.compare.layout import layout

__all__ = ["layout", "register"]
