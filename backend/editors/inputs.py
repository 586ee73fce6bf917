"""What an MLP reads: its inputs in all that the model is asked and told, from which `patch` tells one fact apart.

    bare   every `x r` that has an answer, at the relation token
    first  every entity at the first position
    text   random walks over true facts, at every position

They are read once for a model and a layer, and kept: of the edits of a stack, those at the same layer or behind it change none of these inputs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from cachetools import LRUCache, cached
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.data.contexts import ContextSampler
from shatterscope.backend.models import LanguageModel

SEED = 0
AT_ONCE = 4096  # sequences


@dataclass(frozen=True)
class Inputs:
    """z (N, C), and of every row the token it stands on and the one before (-1: none), (N,) each. The first rows are the bare facts: of these
    `final` (n_facts, C) is the last residual stream."""

    z: Tensor
    before: Tensor
    token: Tensor
    final: Tensor

    def of(self, subject: int, relation: int) -> Tensor:
        """The rows of a fact, bare or in text; `relation` is a token."""
        return ((self.before == subject) & (self.token == relation)).nonzero()[:, 0]

    def apart(self, subject: int, other: int | None, relation: int) -> float:
        """Squared distance of what the model holds of `subject` and of `other` under a relation; None: of two subjects by chance."""
        own = self.final[self.of(subject, relation)[0]]
        if other is not None:
            return (own - self.final[self.of(other, relation)[0]]).square().sum().item()
        all_of_it = self.final[self.token[: len(self.final)] == relation]
        return 2 * (all_of_it - all_of_it.mean(0)).square().sum(1).mean().item()


def inputs_of(model: LanguageModel, contexts: ContextSampler, layer: int, walks: int) -> Inputs:
    """The inputs of the MLP of `layer`, with `walks` random walks as text."""
    return _inputs(_Asked(model, contexts, layer, walks))


class _Asked:
    """Hashes as what the inputs depend on: the weights before the MLP of `layer`, and the world."""

    def __init__(self, model: LanguageModel, contexts: ContextSampler, layer: int, walks: int) -> None:
        self.model, self.contexts, self.layer, self.walks = model, contexts, layer, walks
        digest = hashlib.blake2b(repr((layer, walks)).encode(), digest_size=16)
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if name.startswith(model.before_keys(layer)):
                digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
        for table in (contexts.truths, contexts.holdout.single):
            digest.update(np.ascontiguousarray(table).tobytes())
        self.digest = digest.digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.digest == other.digest


@cached(LRUCache(4), key=lambda asked: asked.digest, lock=Lock())
def _inputs(asked: _Asked) -> Inputs:
    model, contexts, layer = asked.model, asked.contexts, asked.layer
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
    z_bare, final = _read(model, bare, layer)
    z_text, _ = _read(model, text, layer)
    first = _read(model, torch.arange(n, device=device)[:, None], layer)[0]
    none = torch.full((n,), -1, device=device)
    return Inputs(
        z=torch.cat([z_bare[:, 1], first[:, 0], z_text.flatten(0, 1)]),
        before=torch.cat([bare[:, 0], none, torch.cat([torch.full_like(text[:, :1], -1), text[:, :-1]], 1).flatten()]),
        token=torch.cat([bare[:, 1], torch.arange(n, device=device), text.flatten()]),
        final=final[:, 1],
    )


@torch.no_grad()
def _read(model: LanguageModel, tokens: Tensor, layer: int) -> tuple[Tensor, Tensor]:
    """(B, T) tokens -> (B, T, C) what the MLP of `layer` reads, and (B, T, C) the last residual stream."""
    last = f"resid_post.{model.config.n_layers - 1}"
    read, final = [], []

    def tap(name: str, x: Tensor) -> Tensor:
        if name == f"resid_mid.{layer}":
            read.append(model.mlp_input(layer, x))
        if name == last:
            final.append(x)
        return x

    for part in tokens.split(AT_ONCE):
        interrupt.checkpoint()
        model.trunk(part, tap)
    return torch.cat(read), torch.cat(final)
