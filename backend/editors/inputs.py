"""What an MLP reads: its inputs in all that the model is asked and told, from which `patch` tells one fact apart.

    bare   every `x r` that has an answer, at the relation token
    first  every entity at the first position
    text   random walks over true facts, at every position

They are read once for a model and a layer, and kept: of the edits of a stack, those at the same layer or behind it change none of these inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
import torch.nn.functional as F
from cachetools import LRUCache, cached
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.models import LanguageModel

SEED = 0
AT_ONCE = 4096  # sequences


@dataclass(frozen=True)
class Inputs:
    """z (N, C), and of every row the token it stands on and the two before it, (N, 3), the last one first (-1: none)."""

    z: Tensor
    tokens: Tensor

    def of(self, question: Sequence[int]) -> Tensor:
        """The rows of a fact, bare or in text, by its question in tokens: a subject and one or two relations."""
        asked = self.tokens.new_tensor(question[::-1])
        return (self.tokens[:, : len(asked)] == asked).all(1).nonzero()[:, 0]


def inputs_of(model: LanguageModel, contexts: ContextSampler, layer: int, walks: int) -> Inputs:
    """The inputs of the MLP of `layer`, with `walks` random walks as text."""
    return _inputs(_Asked(model, contexts, layer, walks))


class _Asked:
    """Hashes as what the inputs depend on: the weights before the MLP of `layer`, and the world."""

    def __init__(self, model: LanguageModel, contexts: ContextSampler, layer: int, walks: int) -> None:
        self.model, self.contexts, self.layer, self.walks = model, contexts, layer, walks
        digest = hashlib.blake2b(repr((layer, walks, contexts.p_composition)).encode(), digest_size=16)
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if name.startswith(model.before_keys(layer)):
                digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        for table in (contexts.truths, contexts.holdout.single, contexts.holdout.composition):
            digest.update(np.ascontiguousarray(table).tobytes())
        self.digest = digest.digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.digest == other.digest


@cached(LRUCache(4), key=lambda asked: asked.digest, lock=Lock())
def _inputs(asked: _Asked) -> Inputs:
    # In double precision, so that their single precision does not depend on how many threads computed it.
    model, contexts, layer = precise_copy(asked.model), asked.contexts, asked.layer
    n = contexts.n_entities
    device = model.device
    subjects, relations = np.nonzero((contexts.truths >= 0).any(-1))
    bare = torch.from_numpy(np.stack([subjects, n + relations], 1)).to(device)
    rng = np.random.default_rng(SEED)
    length = model.config.context - 1
    length -= not contexts.composes and length % 2 == 0
    ends = rng.integers(0, n, asked.walks)
    walks = contexts.arriving_at(ends, length, rng)
    asks = np.array([rng.choice(np.flatnonzero((contexts.truths[end] >= 0).any(-1))) for end in ends])
    text = torch.from_numpy(np.concatenate([walks, n + asks[:, None]], 1)).to(device)
    entities = torch.arange(n, device=device)[:, None]
    z = [_read(model, bare, layer)[:, 1], _read(model, entities, layer)[:, 0], _read(model, text, layer).flatten(0, 1)]
    tokens = [_and_before(bare)[:, 1], _and_before(entities)[:, 0], _and_before(text).flatten(0, 1)]
    return Inputs(torch.cat(z).float(), torch.cat(tokens))


def _and_before(tokens: Tensor) -> Tensor:
    """(B, T) -> (B, T, 3), each token and the two before it, the last one first."""
    return F.pad(tokens, (2, 0), value=-1).unfold(1, 3, 1).flip(-1)


@torch.no_grad()
def _read(model: LanguageModel, tokens: Tensor, layer: int) -> Tensor:
    """(B, T) tokens -> (B, T, C) what the MLP of `layer` reads."""
    read: list[Tensor] = []

    def tap(name: str, x: Tensor) -> Tensor:
        if name == f"resid_mid.{layer}":
            read.append(model.mlp_input(layer, x))
        return x

    for part in tokens.split(AT_ONCE):
        interrupt.checkpoint()
        model.trunk(part, tap)
    return torch.cat(read)
