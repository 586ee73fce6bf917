"""From the world to tokens: the vocabulary and the training text."""

from backend.data.sampler import TextSampler
from backend.data.vocabulary import Vocabulary

__all__ = ["TextSampler", "Vocabulary"]
