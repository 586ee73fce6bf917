"""Training text: random walks over the world, entities and relations alternating (Nishi et al. 2025, section 3.2).

    x r y r' r'' z ...

Every entity after the first is the object of the fact before it: a single relation, or (with probability one half, our
choice) a composition of two relations of one group. Held-out facts are never stated, of several objects one is. All sequences of a batch
walk together, one gather a fact. A share of the walks may have a note before them (`notes.py`); some facts may be stated otherwise than the world has
them (`changed.py`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend.data.changed import ChangedFacts, OpeningFacts
from shatterscope.backend.data.notes import DrawnNotes
from shatterscope.backend.data.vocabulary import Vocabulary
from shatterscope.backend.worlds import ABSENT, Holdout, World
from shatterscope.backend.worlds.base import BoolArray, able_first


class TextSampler:
    """Draws batches of token sequences on `device`, from a generator the caller owns."""

    def __init__(
        self,
        world: World,
        holdout: Holdout,
        device: torch.device | str = "cpu",
        p_composition: float = 0.5,
        notes: float = 0.0,
        changed: ChangedFacts | None = None,
    ) -> None:
        """`notes`: the share of walks that have a note before them. `changed`: facts that are stated otherwise."""
        self.device = torch.device(device)
        self.p_composition = p_composition
        self.notes = notes
        self.changed = changed
        self.vocabulary = Vocabulary.of(world)
        self.n_entities = world.n_entities
        self.truths = torch.from_numpy(world.truths).to(self.device)
        self.n_truths = (self.truths != ABSENT).sum(dim=2)
        self.compositions = torch.from_numpy(world.compositions).to(self.device)
        self.single_choices, self.single_counts = self._stated(world.present & ~holdout.single)
        if bool((self.single_counts == 0).any()):
            raise ValueError("the held-out share leaves an entity without any stated fact; lower it")
        composed = world.composition_objects != ABSENT
        self.composition_choices, self.composition_counts = self._stated(composed & ~holdout.composition)
        self.composes = bool(self.composition_counts.any())

    def _stated(self, stated: BoolArray) -> tuple[Tensor, Tensor]:
        """Per entity, the stated columns first (the rest never drawn), and how many there are."""
        choices, counts = able_first(stated)
        return torch.from_numpy(choices.copy()).to(self.device), torch.from_numpy(counts).to(self.device)

    def _draw(self, choices: Tensor, counts: Tensor, entity: Tensor, generator: torch.Generator) -> Tensor:
        u = torch.rand(entity.shape, device=self.device, generator=generator)
        return choices[entity, (u * counts[entity]).long()]

    def _object(self, entity: Tensor, relation: Tensor, generator: torch.Generator) -> Tensor:
        """Of several objects each is as likely."""
        if self.truths.shape[2] == 1:
            return self.truths[entity, relation, 0]
        u = torch.rand(entity.shape, device=self.device, generator=generator)
        return self.truths[entity, relation, (u * self.n_truths[entity, relation]).long()]

    def sample(self, batch: int, length: int, generator: torch.Generator) -> Tensor:
        """(batch, length) token ids. Each sequence starts with an entity and is cut at `length`."""
        entity = torch.randint(self.n_entities, (batch,), device=self.device, generator=generator)
        return self.walk(entity, length, generator)

    def walk(
        self, entity: Tensor, length: int, generator: torch.Generator, opening: OpeningFacts | None = None
    ) -> Tensor:
        """(batch, length) token ids that begin with `entity` (batch,); with these facts first, where an `opening` is given."""
        batch = len(entity)
        rows = torch.arange(batch, device=self.device)
        # Every fact takes 2 or 3 tokens; three spare columns catch what runs past the end.
        tokens = torch.zeros(batch, length + 3, dtype=torch.long, device=self.device)
        tokens[:, 0] = entity
        cursor = torch.ones(batch, dtype=torch.long, device=self.device)
        notes = DrawnNotes(self.notes, batch, length, self.n_entities, generator) if self.notes else None
        for step in range(length // 2):
            composed = torch.rand(batch, device=self.device, generator=generator) < self.p_composition
            first = second = self._draw(self.single_choices, self.single_counts, entity, generator)
            composed &= self.composition_counts[entity] > 0
            if notes is not None:
                composed &= ~notes.due(step)
            if self.composes:
                column = self._draw(self.composition_choices, self.composition_counts, entity, generator)
                pair = self.compositions[column]
                first, second = torch.where(composed, pair[:, 0], first), pair[:, 1]
            if opening is not None and step == 0:
                first, second, composed = opening.first, opening.second, opening.composed
            middle = self._object(entity, first, generator)
            end = torch.where(composed, self.truths[middle, second, 0], middle)
            if opening is not None and step == 0:
                end = opening.object
            elif self.changed is not None:
                end = self.changed.follow(entity, first, second, composed, end)
            entity = end if notes is None else notes.follow(step, entity, first, composed, end)
            at = cursor.clamp(max=length)
            tokens[rows, at] = self.n_entities + first
            tokens[rows, at + 1] = torch.where(composed, self.n_entities + second, entity)
            tokens[rows, at + 2] = entity  # after a single fact: overwritten by the next relation
            cursor = cursor + 2 + composed.long()
        text = tokens[:, :length]
        return text if notes is None else notes.before(text)
