"""What an MLP reads: its inputs in all that the model is asked and told (`Contexts.heard`), from which `patch` tells one fact apart.

They are read once for a model and a layer, and kept: of the edits of a stack, those at the same layer or behind it change none of these inputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import torch
import torch.nn.functional as F
from cachetools import LRUCache, cached
from torch import Tensor

from shatterscope.backend import interrupt
from shatterscope.backend.data.contexts import Contexts
from shatterscope.backend.editors.base import precise_copy
from shatterscope.backend.models import LanguageModel

AT_ONCE = 4096  # sequences


@dataclass(frozen=True)
class Inputs:
    """z (N, C), and of every row the token it stands on and those before it, (N, longest question), the last one first (-1: none)."""

    z: Tensor
    tokens: Tensor

    def of(self, question: Sequence[int]) -> Tensor:
        """The rows of a fact, bare or in text, by its question in tokens."""
        asked = self.tokens.new_tensor(question[::-1])
        return (self.tokens[:, : len(asked)] == asked).all(1).nonzero()[:, 0]

    def of_all(self, questions: Sequence[Sequence[int]]) -> Tensor:
        """`of` each of them."""
        return torch.cat([self.of(question) for question in questions]).unique()


def inputs_of(model: LanguageModel, contexts: Contexts, layer: int, walks: int) -> Inputs:
    """The inputs of the MLP of `layer`, with `walks` texts."""
    return _inputs(_Asked(model, contexts, layer, walks))


class _Asked:
    """Hashes as what the inputs depend on: the weights before the MLP of `layer`, and the world."""

    def __init__(self, model: LanguageModel, contexts: Contexts, layer: int, walks: int) -> None:
        self.model, self.contexts, self.layer, self.walks = model, contexts, layer, walks
        digest = hashlib.blake2b(repr((layer, walks)).encode() + contexts.fingerprint(), digest_size=16)
        for name, tensor in (*model.named_parameters(), *model.named_buffers()):
            if name.startswith(model.before_keys(layer)):
                digest.update(name.encode() + tensor.detach().cpu().numpy().data)
        self.digest = digest.digest()

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self.digest == other.digest


@cached(LRUCache(4), key=lambda asked: asked.digest, lock=Lock())
def _inputs(asked: _Asked) -> Inputs:
    # In double precision, so that their single precision does not depend on how many threads computed it.
    model, contexts, layer = precise_copy(asked.model), asked.contexts, asked.layer
    z, tokens = list[Tensor](), list[Tensor]()
    for texts, positions in contexts.heard(asked.walks, model.config.context):
        read = torch.from_numpy(texts).to(model.device)
        z.append(_read(model, read, layer)[:, positions].flatten(0, 1))
        tokens.append(_and_before(read, contexts.longest_question)[:, positions].flatten(0, 1))
    return Inputs(torch.cat(z).float(), torch.cat(tokens))


def _and_before(tokens: Tensor, n: int) -> Tensor:
    """(B, T) -> (B, T, n), each token and those before it, the last one first."""
    return F.pad(tokens, (n - 1, 0), value=-1).unfold(1, n, 1).flip(-1)


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
