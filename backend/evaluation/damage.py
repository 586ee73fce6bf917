"""How far the damage reaches: entities by their distance from the edited subject, along the edges of the edited relation's group."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import ABSENT, Relation, World


@dataclass(frozen=True)
class DistanceBin:
    """`displacement`: mean distance a representation moved, over the mean distance of two neighbours (entities that an edge of the group joins)
    before the edit. Accuracies are of the edited relation's own facts, on bare prompts; NaN where the bin has none."""

    distance_from: int
    distance_to: int
    displacement: float
    accuracy_before: float
    accuracy_after: float
    n_entities: int


def distance_bins(farthest: int) -> list[tuple[int, int]]:
    """0, 1, 2, 3-4, 5-8, ... up to the farthest, both ends included."""
    bins = [(0, 0), (1, 1)]
    while bins[-1][1] < farthest:
        low = bins[-1][1] + 1
        bins.append((low, min(2 * (low - 1), farthest)))
    return bins


@torch.no_grad()
def damage(
    world: World,
    relation: Relation,
    subject: int,
    models: tuple[LanguageModel, LanguageModel],
    representations: tuple[Tensor, Tensor],
) -> list[DistanceBin]:
    """Damage by distance, from models and their (n_entities, d_model) representations of `relation`, before and after.

    The representations are those of the last layer's `resid_post`, from which the answers can be read on.
    """
    before, after = representations
    n = world.n_entities
    truths = torch.from_numpy(world.truths[:, relation.index]).to(before.device)
    asked = truths[:, 0] != ABSENT
    correct = [
        (model.read_out(x)[:, :n].argmax(-1, keepdim=True) == truths).any(-1).double()
        for model, x in zip(models, representations, strict=True)
    ]
    start, end = torch.from_numpy(world.groups[relation.group].edges).to(before.device).T
    joined = asked[start] & asked[end]  # what has no fact is not represented
    spacing = (before[start[joined]] - before[end[joined]]).norm(dim=-1).mean()
    moved = (after - before).norm(dim=-1) / spacing
    distances = world.distances(relation.group, subject)
    distance = torch.from_numpy(distances).to(before.device)
    result = []
    for low, high in distance_bins(int(distances.max())):
        here = (distance >= low) & (distance <= high) & asked
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
