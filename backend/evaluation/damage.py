"""How far the damage reaches: entities by their ring distance from the edited subject, in the edited relation's order."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend.graph import KnowledgeGraph, Relation
from shatterscope.backend.model import Transformer


@dataclass(frozen=True)
class DistanceBin:
    """`displacement`: mean distance a representation moved, over the mean distance of two ring neighbours before the edit.
    Accuracies are of the edited relation's own facts, on bare prompts."""

    distance_from: int
    distance_to: int
    displacement: float
    accuracy_before: float
    accuracy_after: float
    n_entities: int


def distance_bins(n_entities: int) -> list[tuple[int, int]]:
    """0, 1, 2, 3-4, 5-8, ... up to half of the ring, both ends included."""
    farthest, bins = n_entities // 2, [(0, 0), (1, 1)]
    while bins[-1][1] < farthest:
        low = bins[-1][1] + 1
        bins.append((low, min(2 * (low - 1), farthest)))
    return bins


@torch.no_grad()
def damage(
    graph: KnowledgeGraph,
    relation: Relation,
    subject: int,
    models: tuple[Transformer, Transformer],
    representations: tuple[Tensor, Tensor],
) -> list[DistanceBin]:
    """Damage by distance, from models and their (n_entities, d_model) representations of `relation`, before and after.

    The representations are those of the last layer's `resid_post`, from which the answers can be read on.
    """
    before, after = representations
    n = graph.n_entities
    truth = torch.from_numpy(graph.objects[:, relation.index]).to(before.device)
    correct = [
        (model.unembed(model.norm(x))[:, :n].argmax(-1) == truth).double()
        for model, x in zip(models, representations, strict=True)
    ]
    ring = torch.from_numpy(graph.orders[relation.order]).to(before.device)
    spacing = (before[ring] - before[ring.roll(1)]).norm(dim=-1).mean()
    moved = (after - before).norm(dim=-1) / spacing
    positions = torch.from_numpy(graph.positions[relation.order]).to(before.device)
    steps = (positions - positions[subject]) % n
    distance = torch.minimum(steps, n - steps)
    result = []
    for low, high in distance_bins(n):
        here = (distance >= low) & (distance <= high)
        result.append(
            DistanceBin(
                distance_from=low,
                distance_to=high,
                displacement=moved[here].mean().item(),
                accuracy_before=correct[0][here].mean().item(),
                accuracy_after=correct[1][here].mean().item(),
                n_entities=int(here.sum()),
            )
        )
    return result
