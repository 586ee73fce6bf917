"""Notes: a fact told in the text instead of written into the weights. It may be false; a model that obeys answers by it.

    x r y*  a r1 b r2 r3 x r y* r4 ...

A note of three tokens stands before a walk, which begins anew behind it. One fact of the walk is the one that was noted: its object is the note's,
and the walk goes on from there. All else follows the world. A model can only answer such a fact by looking the note up.

Editing with text instead of weights is the reading of EREN (Chen et al. 2024) and of IKE (Zheng et al. 2023), who ask a pretrained model; ours has to
be taught that notes exist.
"""

from __future__ import annotations

import torch
from torch import Tensor

NOTE_TOKENS = 3


class DrawnNotes:
    """One note for each row that has one, about a fact that its walk comes to: any of those that `length` has room for, where all are single facts.
    Lives as long as one batch is drawn."""

    def __init__(self, share: float, batch: int, length: int, n_entities: int, generator: torch.Generator) -> None:
        self.n_entities = n_entities
        device = generator.device
        self.there = torch.rand(batch, device=device, generator=generator) < share
        room = max(1, (length - NOTE_TOKENS - 1) // 2)
        self.fact = torch.randint(room, (batch,), device=device, generator=generator)
        self.shift = torch.randint(1, n_entities, (batch,), device=device, generator=generator)
        self.tokens = torch.zeros(batch, NOTE_TOKENS, dtype=torch.long, device=device)
        self.walked: list[tuple[Tensor, Tensor]] = []

    def due(self, step: int) -> Tensor:
        """(batch,) whether the walk's fact number `step` is the noted one: a single fact."""
        return self.there & (self.fact == step)

    def follow(self, step: int, subject: Tensor, relation: Tensor, composed: Tensor, object: Tensor) -> Tensor:
        """(batch,) the objects of the walk's fact number `step`, by the notes where they are about it."""
        due = self.due(step)
        for earlier, told in self.walked:  # the walk has stated it as it is: it cannot be noted any more
            self.there &= ~(due & (earlier == subject) & (told == relation))
        self.walked.append((subject, torch.where(composed, -1, relation)))
        due &= self.there
        noted = torch.stack([subject, self.n_entities + relation, (object + self.shift) % self.n_entities], dim=1)
        self.tokens = torch.where(due[:, None], noted, self.tokens)
        again = self.there & (self.fact < step) & ~composed
        again &= (subject == self.tokens[:, 0]) & (self.n_entities + relation == self.tokens[:, 1])
        return torch.where(due | again, self.tokens[:, 2], object)

    def before(self, walks: Tensor) -> Tensor:
        """(batch, length) text: each walk behind its note, cut at the same length."""
        noted = torch.cat([self.tokens, walks], dim=1)[:, : walks.shape[1]]
        return torch.where(self.there[:, None], noted, walks)


def given(text: Tensor, n_entities: int) -> Tensor:
    """(batch, length) which tokens are given and not to be predicted: a note's, and the entity that the walk behind it begins with. Two entities
    side by side stand nowhere else. (Where a model has to predict notes too, half of all bare questions have a random answer.)"""
    entity = text[:, NOTE_TOKENS - 1 : NOTE_TOKENS + 1] < n_entities
    within = torch.arange(text.shape[1], device=text.device) <= NOTE_TOKENS
    return entity.all(1)[:, None] & within
