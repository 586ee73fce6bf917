"""A codebook beside an MLP: keys within a radius of a stored one get the stored value, all others what the weights say.

(Hartvigsen et al. 2023, "Aging with GRACE: Lifelong Model Editing with Discrete Key-Value Adaptors", algorithm 1.) The codebook sits on
the MLP's output projection, so every way of running the model goes through it: each position looks up its own key k (d_mlp,),

    answer(k) = v_i  if ||k - k_i|| <= radius_i for the nearest entry i,  else  W k + b

and an entry at strength s answers s v_i + (1 - s) (W k + b). No weight changes, and the parameters keep their names.

A new entry minds those that are there. Let d be its distance from the nearest entry i:

    add      d > radius_i + radius             it finds room
    expand   closer, and it says the same      entry i grows to reach the new key: radius_i = max(radius_i, d)
    split    closer, and it says another thing both shrink to half way, radius_i = radius = d / 2 (less a hair, so that no key is in both)
    replace  at the very same key             it takes the place of entry i (ours; the reference leaves both without any room)

An entry at strength 0 is not there at all: it does not touch the others either.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from backend.model import Transformer

HAIR = 1e-5


@dataclass(frozen=True)
class Entry:
    """One entry, before it meets the others: `label` is the token that `value` stands for."""

    layer: int
    key: Tensor  # (M,)
    value: Tensor  # (C,)
    radius: float
    label: int


class CodebookLinear(nn.Linear):
    """An MLP's output projection with a codebook of n entries beside it. (..., M) -> (..., C)."""

    keys: Tensor  # (n, M)
    values: Tensor  # (n, C)
    radii: Tensor  # (n,)
    labels: Tensor  # (n,)
    strengths: Tensor  # (n,)

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.training = linear.training
        like = linear.weight
        for name, shape in (("keys", (0, like.shape[1])), ("values", (0, like.shape[0])), ("radii", (0,))):
            self.register_buffer(name, like.new_zeros(shape), persistent=False)
        self.register_buffer("labels", torch.zeros(0, dtype=torch.long, device=like.device), persistent=False)
        self.register_buffer("strengths", like.new_zeros(0), persistent=False)

    def __len__(self) -> int:
        return len(self.keys)

    def nearest(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """(..., M) -> distance (...) to the nearest key, and its index (...)."""
        # Not by way of a matrix product, which is off by far more than a hair for keys close together.
        mode = "donot_use_mm_for_euclid_dist"
        distance = torch.cdist(k.reshape(-1, k.shape[-1]), self.keys, compute_mode=mode)
        nearest = distance.min(-1)
        return nearest.values.view(k.shape[:-1]), nearest.indices.view(k.shape[:-1])

    def forward(self, k: Tensor) -> Tensor:
        out = F.linear(k, self.weight, self.bias)
        if not len(self):
            return out
        distance, index = self.nearest(k)
        share = torch.where(distance <= self.radii[index], self.strengths[index], 0.0)[..., None]
        return out + share * (self.values[index] - out)

    @torch.no_grad()
    def add(self, entry: Entry, strength: float = 1.0) -> None:
        """Add, expand, split or replace (see the module)."""
        if not strength:
            return
        radius = entry.radius
        if len(self):
            distance, nearest = self.nearest(entry.key)
            d, i = distance.item(), int(nearest)
            if d <= self.radii[i].item() + radius:
                if int(self.labels[i]) == entry.label:
                    self.radii[i] = max(self.radii[i].item(), d)
                    return
                if d <= HAIR:
                    self._replace(i, entry, strength)
                    return
                self.radii[i] = radius = max(d / 2 - HAIR, 0.0)
        self.keys = torch.cat([self.keys, entry.key[None]])
        self.values = torch.cat([self.values, entry.value[None]])
        self.radii = torch.cat([self.radii, self.radii.new_tensor([radius])])
        self.labels = torch.cat([self.labels, self.labels.new_tensor([entry.label])])
        self.strengths = torch.cat([self.strengths, self.strengths.new_tensor([strength])])

    def _replace(self, i: int, entry: Entry, strength: float) -> None:
        """Entry i answers (1 - strength) of what it answered before, and strength of the new value."""
        before = (1 - strength) * self.strengths[i]
        total = before + strength
        if total:
            self.values[i] = (before * self.values[i] + strength * entry.value) / total
        self.strengths[i], self.labels[i] = total, entry.label


def codebook_of(model: Transformer, layer: int) -> CodebookLinear | None:
    """The codebook of a layer, if it has one."""
    down = model.get_submodule(f"blocks.{layer}.mlp.down")
    return down if isinstance(down, CodebookLinear) else None


def codebooks(model: Transformer) -> dict[int, CodebookLinear]:
    """All codebooks, by layer."""
    found = {layer: codebook_of(model, layer) for layer in range(model.config.n_layers)}
    return {layer: codebook for layer, codebook in found.items() if codebook is not None}


def insert(model: Transformer, entry: Entry, strength: float = 1.0) -> None:
    """Add an entry to `model` itself; its layer gets a codebook where it has none yet."""
    mlp = model.get_submodule(f"blocks.{entry.layer}.mlp")
    if codebook_of(model, entry.layer) is None:
        linear = mlp.get_submodule("down")
        assert isinstance(linear, nn.Linear)
        mlp.down = CodebookLinear(linear)
    codebook = codebook_of(model, entry.layer)
    assert codebook is not None
    codebook.add(entry, strength)
