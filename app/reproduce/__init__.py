"""The Reproduce page: the paper's experiments, run again."""

from app.reproduce.callbacks import register
from app.reproduce.layout import layout

__all__ = ["layout", "register"]
