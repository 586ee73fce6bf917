"""The Reproduce page: the paper's experiments, run again."""

from app.reproduce.layout import layout, register

__all__ = ["layout", "register"]
