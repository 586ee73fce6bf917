"""Training text: random walks over the graph, entities and relations alternating (Nishi et al. 2025, section 3.2).

    x r y r' r'' z ...

Every entity after the first is the object of the fact before it: a single relation, or (with probability one half, our
choice) a composition of two relations of one order. Held-out facts are never stated. All sequences of a batch
walk together, one gather a fact.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend.data.vocabulary import Vocabulary
from shatterscope.backend.graph import Holdout, KnowledgeGraph


class TextSampler:
    """Draws batches of token sequences on `device`, from a generator the caller owns."""

    def __init__(
        self, graph: KnowledgeGraph, holdout: Holdout, device: torch.device | str = "cpu", p_composition: float = 0.5
    ) -> None:
        self.device = torch.device(device)
        self.p_composition = p_composition
        self.vocabulary = Vocabulary.of(graph)
        self.n_entities = graph.n_entities
        self.objects = torch.from_numpy(graph.objects).to(self.device)
        self.compositions = torch.from_numpy(graph.compositions).to(self.device)
        self.single_choices, self.single_counts = self._stated(holdout.single)
        self.composition_choices, self.composition_counts = self._stated(holdout.composition)

    def _stated(self, held_out: object) -> tuple[Tensor, Tensor]:
        """Per entity, the stated columns first (the rest never drawn), and how many there are."""
        mask = torch.as_tensor(held_out, device=self.device)
        counts = (~mask).sum(dim=1)
        if bool((counts == 0).any()):
            raise ValueError("the held-out share leaves an entity without any stated fact; lower it")
        return torch.argsort(mask.to(torch.uint8), dim=1, stable=True), counts

    def _draw(self, choices: Tensor, counts: Tensor, entity: Tensor, generator: torch.Generator) -> Tensor:
        u = torch.rand(entity.shape, device=self.device, generator=generator)
        return choices[entity, (u * counts[entity]).long()]

    def sample(self, batch: int, length: int, generator: torch.Generator) -> Tensor:
        """(batch, length) token ids. Each sequence starts with an entity and is cut at `length`."""
        rows = torch.arange(batch, device=self.device)
        # Every fact takes 2 or 3 tokens; three spare columns catch what runs past the end.
        tokens = torch.zeros(batch, length + 3, dtype=torch.long, device=self.device)
        entity = torch.randint(self.n_entities, (batch,), device=self.device, generator=generator)
        tokens[:, 0] = entity
        cursor = torch.ones(batch, dtype=torch.long, device=self.device)
        for _ in range(length // 2):
            composed = torch.rand(batch, device=self.device, generator=generator) < self.p_composition
            single = self._draw(self.single_choices, self.single_counts, entity, generator)
            pair = self.compositions[self._draw(self.composition_choices, self.composition_counts, entity, generator)]
            first = torch.where(composed, pair[:, 0], single)
            middle = self.objects[entity, first]
            entity = torch.where(composed, self.objects[middle, pair[:, 1]], middle)
            at = cursor.clamp(max=length)
            tokens[rows, at] = self.n_entities + first
            tokens[rows, at + 1] = torch.where(composed, self.n_entities + pair[:, 1], entity)
            tokens[rows, at + 2] = entity  # after a single fact: overwritten by the next relation
            cursor = cursor + 2 + composed.long()
        return tokens[:, :length]
