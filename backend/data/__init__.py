"""From the world to tokens: the vocabulary and the training text."""

from shatterscope.backend.data.sampler import TextSampler
from shatterscope.backend.data.vocabulary import Vocabulary

__all__ = ["TextSampler", "Vocabulary"]
