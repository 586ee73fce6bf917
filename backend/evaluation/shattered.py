"""R(D*) of every relation of a world, each over the entities that have a fact under it: of no other is `x relation` a question."""

from __future__ import annotations

import torch
from torch import Tensor

from shatterscope.backend.geometry import shattering
from shatterscope.backend.worlds import World


def relation_shattering(world: World, before: Tensor, after: Tensor) -> Tensor:
    """(n_relations,) float64 from (n_relations, n_entities, d) representations; see `geometry.shattering`."""
    if world.total:
        return shattering(before, after)
    rows = [torch.from_numpy(world.domain(relation)).to(before.device) for relation in world.relations]
    return torch.stack([shattering(x[row], y[row]) for row, x, y in zip(rows, before, after, strict=True)])
