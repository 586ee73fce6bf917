"""A codebook beside an MLP: keys within a radius of a stored one get the stored value, all others what the weights say.

(Hartvigsen et al. 2023, "Aging with GRACE: Lifelong Model Editing with Discrete Key-Value Adaptors", algorithm 1.) The codebook sits on
the MLP's output projection, so every way of running the model goes through it: each position looks up its own key k (d_mlp,),

    answer(k) = v_i  if ||k - k_i|| <= radius_i for the nearest entry i,  else  W k + b

No weight changes, and the parameters keep their names. A new entry minds those that are there. Let d be its distance from the nearest entry i:

    add      d > radius_i + radius             it finds room
    expand   closer, and it says the same      entry i grows to reach the new key: radius_i = max(radius_i, d)
    split    closer, and it says another thing both shrink to half way, radius_i = radius = d / 2 (less a hair, so that no key is in both)
    replace  at the very same key              it takes the place of entry i (ours; the reference leaves both without any room)

Strength (ours). An entry at strength s decides a share of the answer and leaves the rest to the next nearest entry: within its radius it says
v_i with the share s, outside of it W k + b with the share min(|s|, 1). Of entries at one key the newer comes first: to expand or to replace entry i
is to lie on it. What no entry decides is W k + b. A new entry minds each of those there with the share that this one decides, and they
shrink by no more than its strength. So strength 1 is the rule above, and an entry fades away as its strength goes to 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shatterscope.backend.models import LanguageModel

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
    """An MLP's output projection with a codebook of n entries beside it, the newest last. (..., M) -> (..., C)."""

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

    def distances(self, k: Tensor) -> Tensor:
        """(N, M) -> (N, n) to every entry's key."""
        # Not by way of a matrix product, which is off by far more than a hair for keys close together.
        return torch.cdist(k, self.keys, compute_mode="donot_use_mm_for_euclid_dist")

    def forward(self, k: Tensor) -> Tensor:
        out = F.linear(k, self.weight, self.bias)
        if not len(self):
            return out
        distance = self.distances(k.reshape(-1, k.shape[-1]))  # (N, n)
        inside = distance <= self.radii
        decided = shares(distance, torch.where(inside, self.strengths, presence(self.strengths)))
        share = torch.where(inside, decided, 0.0).view(*k.shape[:-1], len(self))  # (..., n)
        return (1 - share.sum(-1, keepdim=True)) * out + share @ self.values

    def settled(self, key: Tensor, radius: float, label: int) -> Tensor | None:
        """The value of the entry, there in full, that would grow to take `key` in, if there is one."""
        if not len(self):
            return None
        distance = self.distances(key[None])[0]
        i = int(nearest_first(distance)[0])
        close, full = bool(distance[i] <= self.radii[i] + radius), float(presence(self.strengths[i])) == 1
        return self.values[i] if close and full and int(self.labels[i]) == label else None

    @torch.no_grad()
    def add(self, entry: Entry, strength: float = 1.0) -> None:
        """Add, expand, split or replace (see the module)."""
        if not strength:
            return
        here, distance = presence(self.strengths), self.distances(entry.key[None])[0]  # (n,)
        weight = shares(distance, here) * min(abs(strength), 1.0)
        key, value, radius, radii = entry.key, entry.value, entry.radius, self.radii.clone()
        for i in nearest_first(distance).flip(0).tolist():  # the nearest has the last word
            d, r, share = distance[i].item(), self.radii[i].item(), here[i].item()
            toward = entry.key, entry.value, entry.radius
            if d <= r + entry.radius:
                if int(self.labels[i]) == entry.label:
                    toward = self.keys[i], self.values[i], max(r, d)
                elif d <= HAIR:
                    toward = self.keys[i], entry.value, r
                else:
                    half = max(d / 2 - HAIR, 0.0)
                    toward = entry.key, entry.value, half
                    radii[i] += weight[i] * (half - r)
            key, value = key.lerp(toward[0], share), value.lerp(toward[1], share)
            radius += share * (toward[2] - radius)
        self.radii = radii
        if strength == 1:  # what lies under a full entry at the same key is never seen
            self._keep((self.keys != key).any(1))
        self.keys = torch.cat([self.keys, key[None]])
        self.values = torch.cat([self.values, value[None]])
        self.radii = torch.cat([self.radii, self.radii.new_tensor([radius])])
        self.labels = torch.cat([self.labels, self.labels.new_tensor([entry.label])])
        self.strengths = torch.cat([self.strengths, self.strengths.new_tensor([strength])])

    def _keep(self, rows: Tensor) -> None:
        for name, value in list(self.named_buffers()):
            setattr(self, name, value[rows])


def presence(strength: Tensor) -> Tensor:
    """How far an entry is there: 0 at strength 0, 1 from strength 1 on."""
    return strength.abs().clamp(max=1)


def nearest_first(distance: Tensor) -> Tensor:
    """(..., n) distances -> (..., n) entries by distance; of those at one distance the newer, which stands later, first."""
    return distance.shape[-1] - 1 - distance.flip(-1).argsort(dim=-1, stable=True)


def shares(distance: Tensor, decides: Tensor) -> Tensor:
    """What each entry decides, (..., n): of what the nearer ones left, the part `decides` (..., n)."""
    order = nearest_first(distance)
    part = decides.expand_as(distance).gather(-1, order)
    left = torch.cat([torch.ones_like(part[..., :1]), (1 - part).cumprod(-1)[..., :-1]], -1)
    return torch.empty_like(part).scatter_(-1, order, left * part)


def codebook_of(model: LanguageModel, layer: int) -> CodebookLinear | None:
    """The codebook of a layer, if it has one."""
    down = model.output_projection(layer)
    return down if isinstance(down, CodebookLinear) else None


def codebooks(model: LanguageModel) -> dict[int, CodebookLinear]:
    """All codebooks, by layer."""
    found = {layer: codebook_of(model, layer) for layer in range(model.config.n_layers)}
    return {layer: codebook for layer, codebook in found.items() if codebook is not None}


def insert(model: LanguageModel, entry: Entry, strength: float = 1.0) -> None:
    """Add an entry to `model` itself; its layer gets a codebook where it has none yet. At strength 0 there is nothing to add."""
    if not strength:
        return
    if codebook_of(model, entry.layer) is None:
        model.replace_output_projection(entry.layer, CodebookLinear(model.output_projection(entry.layer)))
    codebook = codebook_of(model, entry.layer)
    assert codebook is not None
    codebook.add(entry, strength)
