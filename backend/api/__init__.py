"""The HTTP API: thin routes over the science."""

from backend.api.app import API_PREFIX, create_app

__all__ = ["API_PREFIX", "create_app"]
