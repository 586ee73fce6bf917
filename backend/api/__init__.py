"""The HTTP API: thin routes over the science."""

from shatterscope.backend.api.app import API_PREFIX, create_app

__all__ = ["API_PREFIX", "create_app"]
