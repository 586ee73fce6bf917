"""Facts that a text states otherwise than its world has them: every statement of the old fact is replaced by one of the new.

    x r y r' z ...   becomes   x r y* r' z* ...

The walk goes on from the new object, so that all behind it is true of that. Nothing else changes: what follows from the old fact is still stated
(`x r r' z`), unless it is among the changed facts itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ChangedFact:
    """`subject relations` has the object `new` and no longer `old`. `relations`: the indices of one relation, or of the two of a composition."""

    subject: int
    relations: tuple[int, ...]
    old: int
    new: int


@dataclass(frozen=True)
class OpeningFacts:
    """The facts that walks begin with, (batch,) each; `second` counts where the fact is `composed`."""

    first: Tensor
    second: Tensor
    composed: Tensor
    object: Tensor


class ChangedFacts:
    """Looked up for all rows of a batch at once: `codes` (n,) of what is not to be stated, `new` (n,) the objects that are."""

    def __init__(self, facts: Sequence[ChangedFact], device: torch.device | str = "cpu") -> None:
        self.facts = tuple(facts)
        question = torch.tensor(
            [[each.subject, each.relations[0], each.relations[-1]] for each in facts], device=device
        )
        self.first, self.second = question[:, 1], question[:, 2]
        self.composed = torch.tensor([len(each.relations) == 2 for each in facts], device=device)
        self.old, self.new = (
            torch.tensor([getattr(each, name) for each in facts], device=device) for name in ("old", "new")
        )
        self.codes = self._code(question[:, 0], self.first, self.second, self.composed, self.old)

    @staticmethod
    def _code(subject: Tensor, first: Tensor, second: Tensor, composed: Tensor, object: Tensor) -> Tensor:
        """One int64 for each statement: 20 bits an entity, 11 a relation."""
        through = torch.where(composed, second + 1, 0)
        return (((subject << 11 | first) << 11 | through) << 20) | object

    def follow(self, subject: Tensor, first: Tensor, second: Tensor, composed: Tensor, object: Tensor) -> Tensor:
        """(batch,) the objects of the facts that rows come to, as the text states them."""
        same = self._code(subject, first, second, composed, object)[:, None] == self.codes  # (batch, n)
        return torch.where(same.any(1), self.new[same.int().argmax(1)], object)

    def opening(self, which: Tensor) -> OpeningFacts:
        """The statements of the facts number `which` (batch,)."""
        return OpeningFacts(self.first[which], self.second[which], self.composed[which], self.new[which])
