"""The transformer and its named sites."""

from shatterscope.backend.model.transformer import ModelConfig, Transformer, site_names

__all__ = ["ModelConfig", "Transformer", "site_names"]
