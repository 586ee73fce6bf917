"""How an optimisation went, step by step: what an edit keeps of it, so that one which did not take can be understood.

Each method keeps what it has. The values that ROME, MEMIT, PMET, AlphaEdit and GRACE search have a length; FT, FT-L and FT-M change weights and
have none. The probability is the mean over the contexts, as the loss is; the rank is on the bare prompt alone, where a fact is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Ending = Literal["reached", "converged", "led", "settled", "steps"]
"""The loss fell below `early_stop_loss`; no step lowered it much more (Patch's `tolerance`); the new object had led for `stop_after_leading` steps; it led and the neutral prompt had hardly moved (PMET's `ease_off`); all steps were taken."""


@dataclass(frozen=True)
class Course:
    """Before any update, and after each: sequences of one length, updates + 1. Of the edits that a sweep makes together, the end alone.

    Attributes:
        contexts: prompts that the fact was optimised on, the bare one included.
        loss: all terms of it.
        probability: of the new object, mean over the contexts.
        rank: of the new object among all tokens on the bare prompt; 1 where it leads.
        length: ||delta|| / ||v0||, for PMET the longer of its two; None for a method without a value.
    """

    ended: Ending
    contexts: int
    loss: tuple[float, ...]
    probability: tuple[float, ...]
    rank: tuple[int, ...]
    length: tuple[float, ...] | None = None


def rank_of(scores: Tensor, token: int) -> Tensor:
    """Rank of a token, (...) from logits or log-probabilities (..., V): 1 where it leads. One more than how many lie above it; where there is no
    number it does not lead."""
    return scores.shape[-1] + 1 - (scores <= scores[..., token, None]).sum(-1)


class Notes:
    """What is seen of an optimisation while it goes on, as little as can be at a time, and its course in the end."""

    def __init__(self, token: int) -> None:
        self.token = token  # the new object
        self.losses: list[float] = []
        self._contexts: list[Tensor] = []  # (B,) each, log p(object*)
        self._bare: list[Tensor] = []  # (V,) each, log p

    def take(self, log_p: Tensor, loss: float) -> None:
        """`log_p` (B, V) of the contexts, the bare prompt first."""
        log_p = log_p.detach()
        self._contexts.append(log_p[:, self.token].clone())
        self._bare.append(log_p[0].clone())
        self.losses.append(loss)

    def course(self, ended: Ending, lengths: Sequence[float] | None = None) -> Course:
        contexts, bare = torch.stack(self._contexts), torch.stack(self._bare)  # (steps, B), (steps, V)
        rank = rank_of(bare, self.token)
        return Course(
            ended=ended,
            contexts=contexts.shape[1],
            loss=tuple(self.losses),
            probability=tuple(contexts.exp().mean(1).tolist()),
            rank=tuple(rank.tolist()),
            length=None if lengths is None else tuple(lengths),
        )
