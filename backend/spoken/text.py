"""Text that ships with Python: what is said of its language in `pydoc_data.topics`. It is in every place where this program is, and in no language model's way to
months: what an edit should leave alone is measured on it.

The first part is for the second moments of keys, the last for how well the model still predicts (`perplexity`).
"""

from __future__ import annotations

import math
import re
from functools import cache

import torch
from torch import Tensor

from shatterscope.backend.lm.tokenizer import Tokenizer
from shatterscope.backend.models import LanguageModel

LENGTH = 128  # tokens of a piece
STATISTICS_PIECES, HELD_OUT_PIECES = 48, 4
CHARACTERS = 80_000  # enough for all pieces, whatever the tokeniser


@cache
def _text() -> str:
    from pydoc_data.topics import topics

    words = " ".join(topics[name] for name in sorted(topics))
    return re.sub(r"\s+", " ", words)


def statistics_tokens(tokenizer: Tokenizer) -> Tensor:
    """(STATISTICS_PIECES, LENGTH)"""
    return _pieces(tokenizer, _text()[:CHARACTERS], STATISTICS_PIECES)


def held_out_tokens(tokenizer: Tokenizer) -> Tensor:
    """(HELD_OUT_PIECES, LENGTH), of the end of the text."""
    return _pieces(tokenizer, _text()[-CHARACTERS:], HELD_OUT_PIECES)


def _pieces(tokenizer: Tokenizer, text: str, n: int) -> Tensor:
    ids = tokenizer.encode_on(text)
    return torch.tensor(ids[: n * LENGTH]).view(n, LENGTH)


@torch.no_grad()
def perplexity(model: LanguageModel, tokens: Tensor) -> float:
    """exp of the mean -log p of each token of (B, T) but the first."""
    logits = model(tokens.to(model.device))[:, :-1]
    log_p = logits.log_softmax(-1).gather(2, tokens.to(model.device)[:, 1:, None])
    return math.exp(min(-log_p.double().mean().item(), 700.0))
