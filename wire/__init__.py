"""The contract between backend and dashboard: the models of the HTTP API, and nothing but pydantic."""
