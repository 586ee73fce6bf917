"""The science of representation shattering, and the HTTP API that serves it."""

__version__ = "0.1.0"
