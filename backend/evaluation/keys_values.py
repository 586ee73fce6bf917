"""The MLP as a key-value memory (Geva et al. 2021, "Transformer Feed-Forward Layers Are Key-Value Memories"): what it is asked by, and what it
answers, for every entity at the relation token of the prompt `x r`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend.activations import relation_tokens
from shatterscope.backend.graph import Relation
from shatterscope.backend.model import Transformer


@dataclass(frozen=True)
class Memory:
    """`keys` (n_entities, d_mlp), after GELU, and `values` (n_entities, d_model), the MLP's output."""

    keys: Tensor
    values: Tensor


@torch.no_grad()
def memory(model: Transformer, n_entities: int, relation: Relation, layer: int) -> Memory:
    """What the MLP of `layer` holds. Raises `ValueError` for a layer that is not there."""
    if not 0 <= layer < model.config.n_layers:
        raise ValueError(f"layers are 0..{model.config.n_layers - 1}, got {layer}")
    entities = torch.arange(n_entities, device=model.token.weight.device)
    prompts = torch.stack(
        [entities, torch.full_like(entities, int(relation_tokens(model, n_entities)[relation.index]))], 1
    )
    found: dict[str, Tensor] = {}

    def tap(name: str, x: Tensor) -> Tensor:
        if name in (f"mlp_key.{layer}", f"mlp_out.{layer}"):
            found[name] = x[:, -1]
        return x

    model.trunk(prompts, tap)
    return Memory(found[f"mlp_key.{layer}"], found[f"mlp_out.{layer}"])


def distance_correlation(memory: Memory, n_pairs: int, rng: np.random.Generator) -> float | None:
    """Pearson's r between the distances of keys and of values, over `n_pairs` pairs of two entities; None where either does not vary."""
    n = len(memory.keys)
    i = rng.integers(n, size=n_pairs)
    j = (i + rng.integers(1, n, size=n_pairs)) % n
    distances = [(each[i] - each[j]).double().norm(dim=1).cpu().numpy() for each in (memory.keys, memory.values)]
    if min(each.std() for each in distances) == 0:
        return None
    return float(np.corrcoef(*distances)[0, 1])
