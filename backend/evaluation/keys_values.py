"""The MLP as a key-value memory (Geva et al. 2021, "Transformer Feed-Forward Layers Are Key-Value Memories"): what it is asked by, and what it
answers, for every entity at the relation token of the prompt `x r`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shatterscope.backend.activations import relation_tokens
from shatterscope.backend.geometry.checks import FloatArray
from shatterscope.backend.geometry.pca import fit_pca
from shatterscope.backend.models import LanguageModel
from shatterscope.backend.worlds import Relation

PAIRS = 20_000  # of entities, for the correlation of distances


@dataclass(frozen=True)
class Memory:
    """`keys` (n_entities, d_mlp), after GELU, and `values` (n_entities, d_model), the MLP's output."""

    keys: Tensor
    values: Tensor

    def of(self, entities: Tensor) -> Memory:
        """The rows of some entities alone."""
        return Memory(self.keys[entities], self.values[entities])


@torch.no_grad()
def memory(model: LanguageModel, n_entities: int, relation: Relation, layer: int) -> Memory:
    """What the MLP of `layer` holds. Raises `ValueError` for a layer that is not there."""
    if not 0 <= layer < model.config.n_layers:
        raise ValueError(f"layers are 0..{model.config.n_layers - 1}, got {layer}")
    entities = torch.arange(n_entities, device=model.device)
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


@dataclass(frozen=True)
class MemoryPicture:
    """Keys and values, (n_entities, 2) each by PCA on their own, with the shares of their variance that this shows, and Pearson's r between the
    distances of keys and of values over `pairs` pairs of entities."""

    keys: FloatArray
    values: FloatArray
    keys_variance: float
    values_variance: float
    distance_correlation: float | None
    pairs: int


def picture(memory: Memory, pairs: int = PAIRS) -> MemoryPicture:
    keys, keys_variance = _flat(memory.keys.cpu().numpy())
    values, values_variance = _flat(memory.values.cpu().numpy())
    correlation = distance_correlation(memory, pairs, np.random.default_rng(0))
    return MemoryPicture(keys, values, keys_variance, values_variance, correlation, pairs)


def _flat(points: FloatArray) -> tuple[FloatArray, float]:
    """(n, 2) by PCA, and its share of the variance."""
    embedding = fit_pca(points, 2).embedding
    total = float(np.var(points.astype(np.float64), axis=0).sum())
    return embedding, float(np.var(embedding, axis=0).sum()) / total if total else 1.0


def distance_correlation(memory: Memory, n_pairs: int, rng: np.random.Generator) -> float | None:
    """Pearson's r between the distances of keys and of values, over `n_pairs` pairs of two entities; None where either does not vary."""
    n = len(memory.keys)
    i = rng.integers(n, size=n_pairs)
    j = (i + rng.integers(1, n, size=n_pairs)) % n
    distances = [(each[i] - each[j]).double().norm(dim=1).cpu().numpy() for each in (memory.keys, memory.values)]
    if min(each.std() for each in distances) == 0:
        return None
    return float(np.corrcoef(*distances)[0, 1])
