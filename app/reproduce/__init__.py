"""The Reproduce page: the paper's experiments, run again."""

from shatterscope.app.reproduce.callbacks import register
from shatterscope.app.reproduce.layout import layout

__all__ = ["layout", "register"]
