"""Language models: what one is, and the paper's transformer."""

from shatterscope.backend.models.base import LanguageModel, Past, Tap, no_tap, site_names
from shatterscope.backend.models.neurons import AddedNeurons, Neurons
from shatterscope.backend.models.transformer import ModelConfig, Transformer

__all__ = [
    "AddedNeurons",
    "LanguageModel",
    "ModelConfig",
    "Neurons",
    "Past",
    "Tap",
    "Transformer",
    "no_tap",
    "site_names",
]
