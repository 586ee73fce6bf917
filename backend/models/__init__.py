"""Language models: what one is, the paper's transformer, and Llama."""

from shatterscope.backend.models.base import LanguageModel, Past, Tap, no_tap, site_names
from shatterscope.backend.models.llama import Llama, LlamaConfig
from shatterscope.backend.models.neurons import AddedNeurons, Neurons
from shatterscope.backend.models.transformer import ModelConfig, Transformer

__all__ = [
    "AddedNeurons",
    "LanguageModel",
    "Llama",
    "LlamaConfig",
    "ModelConfig",
    "Neurons",
    "Past",
    "Tap",
    "Transformer",
    "no_tap",
    "site_names",
]
