"""The Reproduce page: the paper's experiments, run again."""

from shatterscope.app.pages.reproduce.callbacks import register
from shatterscope.app.pages.reproduce.layout import layout

__all__ = ["layout", "register"]
